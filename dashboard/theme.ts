/** Dark, light, or as the system says. */
import { signal } from '@preact/signals'

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const storageKey = 'clown-hub.theme'

export const theme = signal<Theme>(stored())

/** What is drawn on a canvas has to be drawn anew when this changes. */
export const isDark = signal(false)

const systemIsDark = matchMedia('(prefers-color-scheme: dark)')

function stored(): Theme {
  return themes.find((each) => each === localStorage.getItem(storageKey)) ?? 'auto'
}

export function applyTheme(): void {
  const show = () => {
    const { value } = theme
    document.documentElement.dataset['theme'] = value
    isDark.value = value === 'auto' ? systemIsDark.matches : value === 'dark'
  }
  systemIsDark.addEventListener('change', show)
  theme.subscribe(show)
}

export function chooseTheme(chosen: Theme): void {
  localStorage.setItem(storageKey, chosen)
  theme.value = chosen
}
