/** What pages and programs are told. Topics are relative to the base that the URL of `connect` names. */

/** Who signs in. Without any, the browser's cookie does, or the hub lets in whoever comes. */
export type Credentials =
  | { readonly user: string; readonly password: string }
  /** `ch_…`, of `clown-hub user token`. */
  | { readonly token: string }
  /** Of `POST /ticket`: good for one connection, soon. */
  | { readonly ticket: string }

/** Where the connection is, in words for programs; `why` is a sentence for people. */
export type HubState =
  | { readonly name: 'connecting' }
  /** `user` is known where it was said in so many words. */
  | { readonly name: 'open'; readonly user?: string | undefined }
  /** Tries again by itself in `inSeconds`, which is at `atMs` of this machine's clock. */
  | {
      readonly name: 'reconnecting'
      readonly inSeconds: number
      readonly atMs: number
      readonly why: string
    }
  /** Does not try again by itself: `retry` does. `needs` says what would help. */
  | { readonly name: 'refused'; readonly needs: 'credentials' | 'mending'; readonly why: string }
  | { readonly name: 'closed' }

/** One message. */
export interface HubMessage {
  readonly topic: string
  /** Any JSON; bytes that are no text as base64, and then `encoding` is there. */
  readonly value: unknown
  readonly encoding?: 'base64' | undefined
  /** When it came, in milliseconds since 1970 by this machine's clock; undefined when nobody knows. */
  readonly atMs: number | undefined
  /** Whether it is a last value from before, told to who comes later, or once more when it has become stale. */
  readonly isPast: boolean
  /** Whether it may not be so any more: its device is overdue, its state is not known, or its node says nothing. */
  readonly isStale: boolean
}

/** Who has come or gone: a node by its base, or a device by its topic. */
export interface HubPresence {
  readonly topic: string
  /** Of a node; null when nobody can tell. */
  readonly online?: boolean | null
  /** Of a device, or of a node that is connected and says nothing. */
  readonly stale?: boolean
}

/** What people call a device, or else what it calls itself, and where it is: docs/devices.md. */
export interface HubLabel {
  readonly title?: string
  readonly room?: string
  /** The name of a picture. */
  readonly icon?: string
  /** Its place among others: the lowest first. */
  readonly order?: number
  /** Whether pages leave it out. */
  readonly hidden?: boolean
  /** Whether pages show it first. */
  readonly favorite?: boolean
  /** How long it may be on before the hub turns it off. */
  readonly autoOffSeconds?: number
}

/** What is to be different of a label: null is taken away, and what is not there stays. */
export type LabelChange = { readonly [Key in keyof HubLabel]?: HubLabel[Key] | null | undefined }

/** What became of a command: docs/commands.md. */
export interface Receipt {
  readonly receipt:
    | 'accepted'
    | 'sent'
    | 'confirmed'
    | 'already-so'
    | 'refused'
    | 'timed-out'
    | 'node-offline'
    | 'mismatch'
    | 'confirmed-late'
    | 'superseded'
    | 'unknown'
  readonly code?: string
  readonly message?: string
  readonly reportedAt?: string
  readonly afterMs: number
  readonly final?: true
}

export interface CommandOptions {
  /** Is told each receipt on the way, and a late confirmation after the end. */
  readonly onProgress?: ((receipt: Receipt) => void) | undefined
  /** To command a device, too, that its node does not list. */
  readonly force?: boolean | undefined
}

export interface PublishOptions {
  /** The value is a string with bytes in base64. */
  readonly encoding?: 'base64' | undefined
  readonly contentType?: string | undefined
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined
}

/** A time: a Date, milliseconds since 1970, or a text such as `24h` or `2026-11-21T10:00:00Z`. */
export type Time = Date | number | string

export interface HistoryOptions {
  readonly from?: Time | undefined
  readonly to?: Time | undefined
  /** About how many buckets to have. */
  readonly points?: number | undefined
}

/** What quantities were: docs/history.md. */
export interface History {
  readonly from: string
  readonly to: string
  readonly bucketMs: number
  /** What a point has: `at`, `count`, `min`, `mean`, `max`, `first`, `last`. */
  readonly columns: readonly string[]
  readonly series: readonly HistorySeries[]
}

export interface HistorySeries extends Pick<HubLabel, 'title' | 'room'> {
  readonly topic: string
  readonly quantity: string
  readonly unit?: string
  readonly type: 'number' | 'boolean'
  /** `null` is a gap: draw no line across it. */
  readonly points: readonly (readonly number[] | null)[]
}

/** A node, as `GET /api/nodes` tells it: docs/nodes.md. Its topics are complete, whatever the base. */
export interface HubNode {
  readonly base: string
  /** Null when nobody can tell. */
  readonly online: boolean | null
  readonly lastSeen: string | null
  /** It has a connection, of which nothing has been heard for long. */
  readonly stale?: true
  readonly firmware?: string
  readonly capabilities?: number
  readonly devices: readonly HubDevice[]
}

/** What one key of a device can be set to. */
export interface HubSettable {
  /** `any` is for what nothing is known of; a color is `RRGGBB`. */
  readonly type: 'boolean' | 'number' | 'text' | 'color' | 'any'
  /** Those that it can be, and no others. */
  readonly options?: readonly string[]
  readonly min?: number
  readonly max?: number
  readonly step?: number
  readonly unit?: string
}

export interface HubDevice extends HubLabel {
  readonly name: string
  readonly topic: string
  readonly kind: string
  readonly role: 'sensor' | 'actuator' | 'notification'
  /** What it can be set to, by the key of a command, where its profile tells that; empty of what is only pressed. */
  readonly settable?: Readonly<Record<string, HubSettable>>
  /** When the hub turns it off, by its configuration or by `autoOffSeconds`, whichever is earlier; `at` as `22:00`. */
  readonly autoOff?: { readonly seconds?: number; readonly at?: string }
  readonly value: unknown
  /** There when nobody knows its state; what it was when somebody did is `lastValue`. */
  readonly known?: false
  readonly lastValue?: unknown
  readonly toldBy?: string
  readonly encoding?: 'base64'
  readonly at: string | null
  readonly rhythmMs?: number
  readonly stale: boolean
}

/** What a websocket is made by: `globalThis.WebSocket`, or that of the package ws. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike

/** A method, so that each class may say more of its events. */
type Handler<Event> = { handle(event: Event): void }['handle'] | null

/** What is used of a websocket. */
export interface WebSocketLike {
  onopen: Handler<unknown>
  onmessage: Handler<{ readonly data: unknown }>
  onclose: Handler<{ readonly code: number; readonly reason: string }>
  onerror: Handler<unknown>
  send(text: string): void
  close(code?: number): void
}
