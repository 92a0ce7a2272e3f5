import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { t } from './words.ts'

interface SureButtonProps {
  readonly text: string
  /** What it is about, for who cannot see where it stands. */
  readonly about: string
  onSure(): void
}

/** A button for what cannot be undone: it asks once more in its own place. */
export function SureButton({ text, about, onSure }: SureButtonProps): JSX.Element {
  const isAsking = useSignal(false)
  const press = () => {
    if (isAsking.value) onSure()
    isAsking.value = !isAsking.value
  }
  return (
    <button
      type="button"
      class={isAsking.value ? 'sure is-asking' : 'sure'}
      onClick={press}
      onBlur={() => (isAsking.value = false)}
    >
      {isAsking.value ? t('sure', { what: text }) : text}
      <span class="unseen"> {about}</span>
    </button>
  )
}

/** Where it is said, and read out, that something did not work; there from the beginning, or no reader would notice it. */
export function Problem({ text }: { readonly text: string }): JSX.Element {
  return (
    <p role="alert" class={text === '' ? '' : 'problem'}>
      {text}
    </p>
  )
}

interface TableProps {
  readonly label: string
  readonly heads: readonly string[]
  readonly children: ComponentChildren
}

/** A table that scrolls by itself where it is too wide. */
export function Table({ label, heads, children }: TableProps): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it nobody could scroll here by the keyboard
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}

/** `1,536` as `1.5 kB`, in the language of the page. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3))
  const value = bytes / 1000 ** step
  const digits = step === 0 || value >= 100 ? 0 : 1
  return `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits })} ${units[step]}`
}
