/** What the page says, in the language of whoever reads it. */
import { signal } from '@preact/signals'
import type { Word, Words } from './words/en.ts'

export type { Word }

/** Of each language its own name, and where its words are: only those of one are loaded. */
export const languages = {
  en: { name: 'English', load: async () => (await import('./words/en.ts')).en },
  cs: { name: 'Čeština', load: async () => (await import('./words/cs.ts')).cs },
  de: { name: 'Deutsch', load: async () => (await import('./words/de.ts')).de },
  fr: { name: 'Français', load: async () => (await import('./words/fr.ts')).fr },
} satisfies Readonly<Record<string, { name: string; load: () => Promise<Words> }>>

export type Language = keyof typeof languages

/** Undefined until its words have been loaded, before which nothing is shown. */
const spoken = signal<{ language: Language; words: Words } | undefined>(undefined)

export function currentLanguage(): Language {
  return spoken.value?.language ?? 'en'
}

/** Whether the page has a word for what something is called, such as `is-temperature`. */
export function isWord(key: string): key is Word {
  return Object.hasOwn(spoken.value?.words ?? {}, key)
}

/** `word` in the language that is spoken, with `{name}` replaced by the value of that name. */
export function t(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
  const text = spoken.value?.words[word] ?? word
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))
}

const storageKey = 'clown-hub.language'

/** From now on, and on the next visit too. */
export async function speak(language: Language): Promise<void> {
  spoken.value = { language, words: await languages[language].load() }
  document.documentElement.lang = language
  localStorage.setItem(storageKey, language)
}

/** The language that was chosen here before, or else the first of the browser's that there is. */
export async function speakAsAsked(): Promise<void> {
  const wanted = [localStorage.getItem(storageKey) ?? '', ...navigator.languages]
  const [language = 'en'] = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).filter(isLanguage)
  spoken.value = { language, words: await languages[language].load() }
  document.documentElement.lang = language
}

function isLanguage(text: string): text is Language {
  return Object.hasOwn(languages, text)
}
