import type { Logger } from 'pino'
import type { ApiKeys } from '../access/api-keys.ts'
import type { DigestSignIn } from '../access/digest.ts'
import type { Credentials, SignInResult } from '../access/sign-in.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import type { AlarmClock } from '../core/clock.ts'
import type { DeepReadonly } from '../core/json.ts'
import type { LogTail } from '../core/log.ts'
import type { Release } from '../core/release.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import type { DeviceChanges } from '../nodes/changes.ts'
import type { HistorySource } from '../nodes/history/history-answer.ts'
import type { DialectUser } from '../nodes/served/dialect-users.ts'
import type { SeenDevices } from '../nodes/served/seen-devices.ts'
import type { Store } from '../store/store.ts'

/**
 * The language of another system, served to its clients by HTTP and websockets. It is given requests and
 * links, and knows no socket.
 */
export interface ServedDialect {
  /**
   * Whether it looks at the header Origin itself; otherwise strangers' pages never come to it, except where
   * they are guests.
   */
  readonly checksOrigin?: boolean
  /** Answers a plain request, of any method and path. */
  answer(request: ServedRequest): Promise<ServedAnswer> | ServedAnswer
  /** Takes a websocket, or answers in its place. */
  greet(request: ServedRequest): Promise<Welcome | ServedAnswer> | Welcome | ServedAnswer
  /**
   * What operators may ask of it, by name: `POST /api/dialects/<dialect>/<name>` of the hub. Each is
   * given the JSON of the body and the user, and answers JSON; throws HubError for what is no good.
   */
  readonly operations?: ReadonlyMap<string, Operation>
  /** Nothing comes any more. */
  close(): void
}

export type Operation = (body: unknown, user: User) => Promise<unknown> | unknown

/** A request, as plain data and a few questions. */
export interface ServedRequest {
  readonly method: string
  /** Below the path where the dialect is served, without the query, percent-encoded; begins with a slash. */
  readonly path: string
  readonly query: URLSearchParams
  /** By names in lower case; of a header that comes twice as Node joins it. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Empty for an upgrade. */
  readonly body: Buffer
  /** Where the client is, past the proxies that are trusted. */
  readonly address: string
  /** Whether nobody between there and here can listen. */
  readonly isSecure: boolean
  /** Whether the page that sent it may talk to the hub, if it was a page. */
  readonly isOriginAllowed: boolean
  /** The websocket subprotocols that are offered. */
  readonly subprotocols: readonly string[]
  /** Aborts when the client has gone: nobody reads the answer. */
  readonly gone: AbortSignal
  /**
   * Who it is, by `credentials`, or else by the Authorization header or cookie it carries: those that a
   * browser adds for a stranger's page do not count.
   */
  signIn(credentials?: Credentials): Promise<ServedSignIn>
  /** Who is let in from there and by such a page without any credentials, where the configuration names somebody. */
  guest(): User | undefined
  /** The hub as `user` sees it; undefined when that user has too many connections. */
  actAs(user: User): DialectUser | undefined
}

/** `nobody`: there were no credentials. */
export type ServedSignIn = SignInResult | { readonly refused: 'nobody' }

export interface ServedAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** How a websocket is taken. */
export interface Welcome {
  /** One of those that were offered. */
  readonly subprotocol?: string
  /** Whose it is, when that is known before the first frame. */
  readonly user?: User
  /** Begins the conversation. */
  open(link: ServedLink): ServedConversation
}

export interface ServedConversation {
  /** A frame has come; one that is no UTF-8 has its bytes replaced. */
  receive(frame: string): void
  /** The link has closed, whoever closed it. */
  closed(): void
}

/** A websocket, as a conversation sees it. */
export interface ServedLink {
  /**
   * Sends a frame. Of a reader that falls behind, a later frame with the same `key` takes the place of an
   * earlier one; a frame without is never left out.
   */
  send(frame: string, key?: string): void
  /** The hub as `user` sees it from now on; undefined when that is one connection too many: it closes. */
  signIn(user: User): DialectUser | undefined
  /** Says goodbye with a code of RFC 6455, 7.4; without one, the goodbye has none. */
  close(code?: number, reason?: string): void
  /** Ends it without a goodbye: the client sees 1006. */
  cut(): void
}

/** The links of a dialect that are told what happens. */
export interface Subscribers {
  /** The answer takes the link away again. */
  join(link: ServedLink, dialectUser: DialectUser): () => void
  /** Sends a frame about the device that reports on `topic` to all who may read that. See `ServedLink.send`. */
  tell(topic: string, frame: string, key?: string): void
  /** Calls `act` for each link: what it is told depends on who it is. */
  each(act: (link: ServedLink, dialectUser: DialectUser) => void): void
}

export function createSubscribers(): Subscribers {
  const members = new Map<ServedLink, DialectUser>()
  const each: Subscribers['each'] = (act) => {
    for (const [link, dialectUser] of members) act(link, dialectUser)
  }
  return {
    join: (link, dialectUser) => {
      members.set(link, dialectUser)
      return () => {
        members.delete(link)
      }
    },
    tell: (topic, frame, key) =>
      each((link, dialectUser) => {
        if (dialectUser.mayRead(topic)) link.send(frame, key)
      }),
    each,
  }
}

/** What one side says, as frames: the same for served and dialled links. */
export interface Codec<T> {
  /** What a frame says; undefined when it is rubbish. Never throws. */
  decode(frame: string): T | undefined
  encode(said: T): string
}

/** What a dialect is given of the hub. */
export interface ServedContext {
  readonly settings: ServedSettings
  readonly devices: SeenDevices
  readonly keys: ApiKeys
  /** Says what a device is called, as one of the users who may. */
  readonly label: DeviceChanges['label']
  /** What quantities were; whoever is told of it has to have the right to read their topics. */
  readonly history: HistorySource
  /** What the dialect has to remember, under keys that begin with `dialect/<name>/`. */
  readonly store: Pick<Store, 'get' | 'entries' | 'write'>
  readonly release: Release
  /** Whether the hub can do its work. */
  state(): 'ready' | 'starting' | 'overloaded'
  /** The port on which clients reach it; 0 before it is open. */
  port(): number
  findUser(name: string): User | undefined
  /** HTTP Digest, which `ServedRequest.signIn` leaves out. */
  readonly digest: DigestSignIn
  /** Who is there, on every way in. */
  readonly signedIn: Pick<SignedIn, 'present' | 'onPresentChange'>
  /** What goes through the hub; whoever is told of it has to have the right to read it. */
  readonly bus: Pick<Bus, 'subscribe'>
  /** The log of the hub: for operators. */
  readonly logTail: Pick<LogTail, 'onLine'>
  /** Where the hub keeps its data; undefined when it keeps none. */
  readonly dataFolder: string | undefined
  /** The limits of the configuration for all languages. */
  readonly limits: Readonly<Config['limits']['dialects']>
  /** Whose token of the hub it is. */
  ownerOfToken(token: string): User | undefined
  readonly clock: AlarmClock
  readonly log: Logger
  readonly sampledLog: SampledLog
}

/** An entry of `dialects` in the configuration. */
export type ServedSettings = DeepReadonly<Config['dialects'][number]>

/** Opens a dialect as `settings` want it. */
export type OpenServedDialect = (context: ServedContext) => Promise<ServedDialect> | ServedDialect
