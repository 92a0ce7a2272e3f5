/** A running hub takes what has changed in its configuration, as far as nobody has to be cut for it. */

import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { type Config, type ConfigInput, checkConfig } from './config.ts'
import { reasonOf } from './core/errors.ts'
import { isRecord } from './core/json.ts'

/** What has become of a configuration that was read anew: the paths of what has changed. */
export interface Reloaded {
  /** What counts from now on. */
  readonly taken: readonly string[]
  /** What counts after a restart. */
  readonly waiting: readonly string[]
}

interface ReloadParts {
  readonly log: Logger
  /** Lets everybody look at files that were named before. */
  look(): void
  setInlineUsers(users: Config['users']): Promise<void>
  readonly notify: { reload(config: Config['notify']): Promise<void> }
}

/** Those that are looked at for each client that comes, or each time. The others are built into what is open. */
const liveLimits: Readonly<Record<string, readonly string[]>> = {
  connections: ['perAddress', 'unauthenticated', 'unauthenticatedPerAddress', 'perUser'],
  http: ['bodyBytes'],
  mqtt: [
    'publishesPerSecond',
    'publishBurst',
    'requestsPerSecond',
    'requestBurst',
    'outboundBytes',
  ],
  retained: ['topics', 'valueBytes', 'totalBytes'],
  sessions: ['count', 'hours', 'messages', 'bytes', 'totalBytes'],
  websocket: ['messagesPerSecond', 'messageBurst', 'conflateBytes', 'outboundBytes'],
}

/** Whether a change of what stands at a path counts at once. */
function isLive(path: string): boolean {
  const [part, group = '', name = ''] = path.split('.')
  if (part === 'limits') return liveLimits[group]?.includes(name) === true
  return part === 'users' || part === 'notify' || path === 'log.level'
}

/**
 * Returns what reads the configuration anew. One that is not in order changes nothing, and the log says why. The limits
 * change inside of `config`, where everybody looks.
 */
export function createReload(config: Config, { log, look, setInlineUsers, notify }: ReloadParts) {
  const started = structuredClone(config)
  let last = started
  const take = async (next: Config): Promise<Reloaded> => {
    const taken = changedPaths(last, next).filter(isLive)
    last = next
    if (taken.some((path) => path.startsWith('users.'))) await setInlineUsers(next.users)
    if (taken.some((path) => path.startsWith('notify'))) await notify.reload(next.notify)
    log.level = next.log.level
    for (const path of taken) copyLimit(path, next, config)
    return { taken, waiting: changedPaths(started, next).filter((path) => !isLive(path)) }
  }
  return async (read: () => ConfigInput): Promise<Reloaded | undefined> => {
    look()
    try {
      const { taken, waiting } = await take(checkConfig(read()))
      log.info({ event: 'config-taken', taken }, 'the configuration was read anew')
      if (waiting.length > 0)
        log.warn({ event: 'config-waits', waiting }, 'some of it counts after a restart')
      return { taken, waiting }
    } catch (error) {
      log.error(
        { event: 'config-refused', reason: reasonOf(error) },
        'the configuration is not in order: the old one stays',
      )
      return undefined
    }
  }
}

function changedPaths(before: unknown, after: unknown, path = ''): string[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isRecord(before) || !isRecord(after)) return [path]
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const inner = (name: string) => (path === '' ? name : `${path}.${name}`)
  return [...names].flatMap((name) => changedPaths(before[name], after[name], inner(name)))
}

function copyLimit(path: string, from: Config, to: Config): void {
  const [part, group = '', name = ''] = path.split('.')
  if (part !== 'limits') return
  Reflect.set(
    Reflect.get(to.limits, group),
    name,
    Reflect.get(Reflect.get(from.limits, group), name),
  )
}
