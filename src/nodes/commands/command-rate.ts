import { LRUCache } from 'lru-cache'
import { HubError } from '../../core/errors.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { TokenBucket } from '../../core/token-bucket.ts'

export interface CommandRateOptions {
  readonly limits: { readonly perUserPerSecond: number; readonly userBurst: number }
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** So many users keep their rate in mind; who was silent the longest starts with a full burst. */
const rememberedUsers = 4096

/**
 * Counts the commands of each user, refused ones too. The returned function takes one in.
 *
 * @throws HubError `too-fast` when `user` has sent too many.
 */
export function createCommandRate(options: CommandRateOptions): (user: string) => void {
  const { limits, sampledLog, now = () => performance.now() } = options
  const { perUserPerSecond: perSecond, userBurst: burst } = limits
  const buckets = new LRUCache<string, TokenBucket>({
    max: rememberedUsers,
    memoMethod: () => new TokenBucket({ perSecond, burst, now }),
  })
  return (user) => {
    const bucket = buckets.memo(user)
    if (bucket.take()) return
    sampledLog.warn('commands-too-fast', { user }, 'a command was refused: its user sends too many')
    const sentence = `expected at most ${perSecond} commands a second of one user, got more`
    throw new HubError('too-fast', `${sentence}: try again in ${bucket.waitMs()} ms`)
  }
}
