import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { postJson } from './api.ts'
import { askQuietly, forgetFailure, reasonOf } from './failures.tsx'

const refreshMs = 10_000

export interface Polled<T> {
  readonly value: T | undefined
  /** Asks at once, for who has changed something. */
  load(): void
}

/** What is asked for anew every ten seconds, while somebody looks. */
export function usePolled<T>(path: string, isWanted = true): Polled<T> {
  const answer = useSignal<T | undefined>(undefined)
  const load = async () => {
    // What was known stays where the hub does not answer.
    answer.value = (await askQuietly<T>(path)) ?? answer.peek()
  }
  useEffect(() => {
    if (!isWanted) return
    void load()
    const timer = setInterval(() => {
      if (!document.hidden) void load()
    }, refreshMs)
    return () => {
      clearInterval(timer)
      forgetFailure(path)
    }
  }, [path, isWanted])
  return { value: answer.value, load: () => void load() }
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
      problem.value = reasonOf(error)
      return undefined
    }
  }
  return { problem, change }
}
