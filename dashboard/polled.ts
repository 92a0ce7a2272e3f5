import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError, getJson, postJson } from './api.ts'
import { t } from './words.ts'

const refreshMs = 10_000

export interface Polled<T> {
  readonly value: T | undefined
  /** Asks at once, for who has changed something. */
  load(): void
}

/** What is asked for anew every ten seconds, while somebody looks. */
export function usePolled<T>(path: string, isWanted = true): Polled<T> {
  const answer = useSignal<T | undefined>(undefined)
  const load = () => {
    getJson<T>(path).then(
      (value) => (answer.value = value),
      () => {},
    )
  }
  useEffect(() => {
    if (!isWanted) return
    load()
    const timer = setInterval(() => {
      if (!document.hidden) load()
    }, refreshMs)
    return () => clearInterval(timer)
  }, [path, isWanted])
  return { value: answer.value, load }
}

/** Asks for a change, and keeps why it was refused. */
export function useChange(changed: () => void) {
  const problem = useSignal('')
  const change = async <T>(path: string, body: unknown): Promise<T | undefined> => {
    problem.value = ''
    try {
      const answer: T = Object(await (await postJson(path, body)).json())
      changed()
      return answer
    } catch (error) {
      problem.value = error instanceof ApiError ? error.message : t('hubAway')
      return undefined
    }
  }
  return { problem, change }
}
