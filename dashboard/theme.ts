/** Dark, light, or as the system says. */
import { signal } from '@preact/signals'

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const storageKey = 'clown-hub.theme'

export const theme = signal<Theme>(stored())

function stored(): Theme {
  return themes.find((each) => each === localStorage.getItem(storageKey)) ?? 'auto'
}

export function applyTheme(): void {
  theme.subscribe((chosen) => {
    document.documentElement.dataset['theme'] = chosen
  })
}

export function chooseTheme(chosen: Theme): void {
  localStorage.setItem(storageKey, chosen)
  theme.value = chosen
}
