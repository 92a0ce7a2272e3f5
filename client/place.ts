import type { Credentials } from './types.ts'

/** Where a hub is, what the topics of a connection are relative to, and who signs in by the URL. */
export interface Place {
  /** Of the websocket, without what signs in. */
  readonly talk: URL
  /** Of the hub's own pages, with a slash at the end. */
  readonly home: URL
  readonly credentials: Credentials | undefined
}

/**
 * Reads the address of a hub: `http://hub.local:8080`, with a prefix where a proxy has one, with
 * `/talk/nodes/bridge/0` for a base, with `user:password@` or without, by http, https, ws or wss alike.
 *
 * @throws TypeError for what is no such URL.
 */
export function placeOf(url: string | URL): Place {
  const page: unknown = Reflect.get(globalThis, 'location')
  // Options without a URL before them, or an address without http, would pass for a path.
  if (/^[[\d]/.test(String(url))) {
    throw new TypeError(`expected a URL that begins with http or https, got ${url}`)
  }
  const talk = new URL(url, page === undefined ? undefined : String(page))
  if (!/^(http|ws)s?:$/.test(talk.protocol)) {
    throw new TypeError(`expected a URL with http, https, ws or wss, got ${talk.protocol}`)
  }
  const { username, password } = talk
  talk.username = talk.password = talk.search = talk.hash = ''
  const named = /^(.*?\/)(?:talk(?:\/.*)?|auth\/clown-talk-server_.+)$/.exec(talk.pathname)
  const prefix = named?.[1] ?? talk.pathname.replace(/\/?$/, '/')
  if (named === null) talk.pathname = `${prefix}talk`
  const home = new URL(prefix, talk)
  home.protocol = talk.protocol.replace('ws', 'http')
  talk.protocol = talk.protocol.replace('http', 'ws')
  const credentials = username
    ? { user: decodeURIComponent(username), password: decodeURIComponent(password) }
    : undefined
  return { talk, home, credentials }
}
