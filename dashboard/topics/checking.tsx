/** What the hub would say of a message, by the schemas, rights and limits that it has: asked while somebody writes it. */
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { ApiError, postJson } from '../api.ts'
import { t } from '../words.ts'

/** As the body of `POST /api/check`. */
export interface AskedMessage {
  readonly topic: string
  readonly payload: unknown
  readonly encoding?: 'json' | 'text'
  readonly qos?: number
  readonly retain?: boolean
}

interface Checked {
  readonly refusal: { readonly message: string } | null
  readonly problem: string | null
}

const fine: Checked = { refusal: null, problem: null }

/** At most once in `pauseMs`, and always what it is in the end; nothing is asked while it is undefined. */
export function useCheck(message: AskedMessage | undefined, pauseMs: number): Checked {
  const answer = useSignal(fine)
  const latest = useRef(message)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  latest.current = message
  useEffect(() => {
    if (message === undefined) answer.value = fine
    timer.current ??= setTimeout(async () => {
      timer.current = undefined
      const asked = latest.current
      const told = asked === undefined ? fine : await judgementOf(asked)
      // What has been written meanwhile is asked for by now.
      if (timer.current === undefined) answer.value = told
    }, pauseMs)
  }, [JSON.stringify(message)])
  useEffect(() => () => clearTimeout(timer.current), [])
  return answer.value
}

async function judgementOf(message: AskedMessage): Promise<Checked> {
  try {
    const judged: Checked = Object(await (await postJson('api/check', message)).json())
    return judged
  } catch (error) {
    return error instanceof ApiError ? { ...fine, refusal: error } : fine
  }
}

/** Beside the payload: why it would be refused, or how it is not as its schema says. */
export function CheckedText({ checked, id }: { checked: Checked; id?: string }): JSX.Element {
  const { refusal, problem } = checked
  const text =
    refusal !== null
      ? t('wouldBeRefused', { why: refusal.message })
      : problem === null
        ? ''
        : t('breaksSchema', { why: problem })
  return (
    <p {...(id !== undefined && { id })} role="status" class={text === '' ? '' : 'problem'}>
      {text}
    </p>
  )
}
