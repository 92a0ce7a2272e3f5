/** What the page says, in the language of whoever reads it. */
import { signal } from '@preact/signals'
import { en, type Word, type Words } from './words/en.ts'

export type { Word }

/** Of each language its own name, and where its words are. English is there from the start. */
export const languages = {
  en: { name: 'English', load: async () => en },
  cs: { name: 'Čeština', load: async () => (await import('./words/cs.ts')).cs },
  de: { name: 'Deutsch', load: async () => (await import('./words/de.ts')).de },
  fr: { name: 'Français', load: async () => (await import('./words/fr.ts')).fr },
} satisfies Readonly<Record<string, { name: string; load: () => Promise<Words> }>>

export type Language = keyof typeof languages

const spoken = signal<{ language: Language; words: Words }>({ language: 'en', words: en })

export function currentLanguage(): Language {
  return spoken.value.language
}

/** `word` in the language that is spoken, with `{name}` replaced by the value of that name. */
export function t(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
  return spoken.value.words[word].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))
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
