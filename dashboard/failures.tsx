/** What the page asks the hub for by itself, and what came of that: a failure is said once, on top of the view. */
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { ApiError, getJson } from './api.ts'
import { link } from './link.ts'
import { t } from './words.ts'

/** By the path that was asked, until it answers or nobody needs it any more. */
const failures = signal<ReadonlyMap<string, unknown>>(new Map())

/** As `getJson`; undefined where that fails, which is said until it does not, or until `forgetFailure`. */
export async function askQuietly<T>(
  ...[path, query, signal]: Parameters<typeof getJson>
): Promise<T | undefined> {
  try {
    const answer = await getJson<T>(path, query, signal)
    forgetFailure(path)
    return answer
  } catch (error) {
    // What this hub does not have, such as other hubs beside it, is no failure.
    const isNothing = error instanceof ApiError && error.status === 404
    if (signal?.aborted !== true && !isNothing) tellFailure(path, error)
    return undefined
  }
}

/** The hub's own sentence, or that it is away. */
export function reasonOf(error: unknown): string {
  return error instanceof ApiError ? error.message : t('hubAway')
}

export function tellFailure(path: string, error: unknown): void {
  failures.value = new Map(failures.peek()).set(path, error)
}

export function forgetFailure(path: string): void {
  const others = new Map(failures.peek())
  if (others.delete(path)) failures.value = others
}

function forgetAll(): void {
  failures.value = new Map()
}

/** Each sentence once, with all that it is of. */
export function Failures(): JSX.Element {
  useEffect(() => forgetAll, [])
  const paths = new Map<string, string[]>()
  for (const [path, error] of failures.value) {
    // That there is no connection stands above already.
    if (!(error instanceof ApiError) && link.value.is !== 'open') continue
    const why = reasonOf(error)
    paths.set(why, [...(paths.get(why) ?? []), path.replace(/\?.*/, '')])
  }
  return (
    <div role="alert">
      <ul class="failures">
        {[...paths].map(([why, of]) => (
          <li class="problem" key={why}>
            {t('notAnswered', { what: [...new Set(of)].join(', '), why })}
          </li>
        ))}
      </ul>
    </div>
  )
}
