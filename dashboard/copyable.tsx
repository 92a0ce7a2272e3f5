import { signal, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { t } from './words.ts'

const thanksMs = 2000

/** A line to take along, with a button that does so. */
export function Copyable({ text }: { text: string }): JSX.Element {
  const isCopied = useSignal(false)
  const copy = async () => {
    await copyText(text)
    isCopied.value = true
    setTimeout(() => (isCopied.value = false), thanksMs)
  }
  return (
    <div class="copyable">
      <code>{text}</code>
      <button type="button" onClick={() => void copy()}>
        {t(isCopied.value ? 'copied' : 'copy')}
      </button>
    </div>
  )
}

/** The same thing for several tools, of which one is chosen for all such lists. */
export function CopyAs({ lines }: { lines: Readonly<Record<string, string>> }): JSX.Element {
  const tools = Object.keys(lines)
  const tool = tools.find((each) => each === chosenTool.value) ?? tools[0] ?? ''
  return (
    <div class="copy-as">
      <div class="segments">
        {tools.map((each) => (
          <button
            type="button"
            key={each}
            aria-pressed={each === tool}
            onClick={() => (chosenTool.value = each)}
          >
            {each}
          </button>
        ))}
      </div>
      <Copyable text={lines[tool] ?? ''} />
    </div>
  )
}

const chosenTool = signal('clown-hub')

/** Browsers have a clipboard for pages only where nobody can listen: https, and this machine. */
async function copyText(text: string): Promise<void> {
  if (isSecureContext) return navigator.clipboard.writeText(text)
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  document.execCommand('copy')
  field.remove()
}
