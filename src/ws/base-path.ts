import { isTopic } from '../core/topic.ts'

/**
 * The base that a websocket path names: `/talk` none, `/talk/nodes/bridge/0` and Clown.Hub's old
 * `/auth/clown-talk-server_nodes_bridge_0` both `nodes/bridge/0`. Percent-encoding says any base, also
 * one of which programs would take a level for a step up: `/talk/a%2F..%2Fb`. Undefined when it names
 * no base.
 */
export function baseOfPath(path: string): string | undefined {
  if (path === '/talk') return ''
  const [, spelling, rest = ''] = /^\/(talk\/|auth\/clown-talk-server_)(.+)$/.exec(path) ?? []
  if (spelling === undefined) return undefined
  const isOld = spelling !== 'talk/'
  // The old spelling has no slashes of its own: there `_` is one, and `%5F` says the underscore.
  if (isOld && rest.includes('/')) return undefined
  const base = decode(isOld ? rest.replaceAll('_', '/') : rest)
  return base !== undefined && isTopic(base) ? base : undefined
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
