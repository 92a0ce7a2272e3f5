import { signal } from '@preact/signals'
import type { ComponentType, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { link } from './link.ts'
import { t } from './words.ts'

/** A part of the page whose code is loaded when somebody opens it. */
export function lazily<Props extends object = object>(
  load: () => Promise<ComponentType<Props>>,
): (props: Props) => JSX.Element {
  const loaded = signal<{ Part: ComponentType<Props> } | undefined>(undefined)
  return (props) => {
    useEffect(() => {
      if (loaded.value === undefined) load().then((Part) => (loaded.value = { Part }), reload)
    }, [])
    const { value } = loaded
    return value === undefined ? <p class="quiet">{t('loading')}</p> : <value.Part {...props} />
  }
}

/** The hub has another release now than the one that this page is of. */
function reload(): void {
  if (link.peek().is === 'open') location.reload()
}
