import { isTopic } from '../core/topic.ts'

/**
 * The base that a websocket path names: `/talk` none, `/talk/nodes/bridge/0` and Clown.Hub's old
 * `/auth/clown-talk-server_nodes_bridge_0` both `nodes/bridge/0`. Undefined when it names no base.
 */
export function baseOfPath(path: string): string | undefined {
  if (path === '/talk') return ''
  const [, spelling, rest = ''] = /^\/(talk\/|auth\/clown-talk-server_)(.+)$/.exec(path) ?? []
  if (spelling === undefined) return undefined
  const levels = decode(rest.split('/'))
  if (levels === undefined) return undefined
  // The old spelling has no slashes of its own, and cannot name a level that holds an underscore.
  const isOld = spelling !== 'talk/'
  if (isOld && levels.length > 1) return undefined
  const base = isOld ? levels.join('').replaceAll('_', '/') : levels.join('/')
  return isTopic(base) ? base : undefined
}

/** Percent-decodes each level; undefined when one is malformed or hides a slash. */
function decode(levels: string[]): string[] | undefined {
  try {
    const decoded = levels.map(decodeURIComponent)
    return decoded.some((level) => level.includes('/')) ? undefined : decoded
  } catch {
    return undefined
  }
}
