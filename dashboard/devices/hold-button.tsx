import { signal, useSignal } from '@preact/signals'
import type { ButtonHTMLAttributes, ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../words.ts'

const storageKey = 'clown-hub.hold'

/** Devices that somebody who uses this browser does not want to switch by touching them in passing. */
const held = signal<ReadonlySet<string>>(stored())

function stored(): Set<string> {
  try {
    return new Set(JSON.parse(localStorage.getItem(storageKey) ?? '[]'))
  } catch {
    return new Set()
  }
}

export function isHeld(topic: string): boolean {
  return held.value.has(topic)
}

export function setHeld(topic: string, isSo: boolean): void {
  const topics = new Set(held.peek())
  if (isSo) topics.add(topic)
  else topics.delete(topic)
  held.value = topics
  localStorage.setItem(storageKey, JSON.stringify([...topics]))
}

const holdMs = 700

interface HoldButtonProps extends ButtonHTMLAttributes {
  readonly mustHold: boolean
  readonly disabled: boolean
  readonly onPress: () => void
  readonly children: ComponentChildren
}

/** A button that acts when it is pressed; with `mustHold` only when it has been held down for a while. */
export function HoldButton({ mustHold, onPress, children, ...rest }: HoldButtonProps): JSX.Element {
  const isHolding = useSignal(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const release = () => {
    clearTimeout(timer.current)
    isHolding.value = false
  }
  const hold = () => {
    if (isHolding.value || rest.disabled) return
    isHolding.value = true
    timer.current = setTimeout(() => {
      release()
      onPress()
    }, holdMs)
  }
  useEffect(() => release, [])
  const isKey = (event: KeyboardEvent) => event.key === 'Enter' || event.key === ' '
  const holding = {
    onPointerDown: hold,
    onPointerUp: release,
    onPointerLeave: release,
    onPointerCancel: release,
    onContextMenu: (event: Event) => event.preventDefault(),
    onKeyDown: (event: KeyboardEvent) => {
      if (!isKey(event)) return
      event.preventDefault()
      hold()
    },
    onKeyUp: release,
    onBlur: release,
  }
  return (
    <button
      {...rest}
      type="button"
      class={`${rest.class ?? ''} ${isHolding.value ? 'is-holding' : ''}`}
      {...(mustHold ? holding : { onClick: onPress })}
    >
      {children}
      {mustHold && <span class="hold-hint">{t('holdHint')}</span>}
    </button>
  )
}
