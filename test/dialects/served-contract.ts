import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../../src/config.ts'
import type { Codec } from '../../src/dialects/served-dialect.ts'
import { anyText } from '../any-text.ts'
import { startedWith } from '../changing-users.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'

/** The golden frames `test/dialects/frames/<dialect>/<name>`, one a line. */
export function goldenFrames(dialect: string, name: string): string[] {
  const file = join(import.meta.dirname, 'frames', dialect, name)
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}

export interface CodecSamples {
  /** As the original sends them. */
  readonly frames: readonly string[]
  /** What it never sends. */
  readonly rubbish: readonly string[]
}

/** What every codec promises, whichever end of a link it is at. */
export function codecContract<T>(t: Test, codec: Codec<T>, { frames, rubbish }: CodecSamples) {
  t.test('each frame of the original is understood, and said again as it was', async (t) => {
    t.not(frames.length, 0)
    for (const frame of frames) {
      const said = codec.decode(frame)
      t.not(said, undefined, frame)
      if (said !== undefined) t.same(parsed(codec.encode(said)), parsed(frame), frame)
    }
  })

  t.test('rubbish is told from frames', async (t) => {
    for (const frame of rubbish) t.equal(codec.decode(frame), undefined, frame)
  })

  t.test('no frame makes it throw, and what it understands it can say', async () => {
    const mutilated = fc
      .tuple(fc.constantFrom(...frames), fc.nat(), fc.string({ maxLength: 3 }))
      .map(([frame, at, text]) => {
        const place = at % frame.length
        return frame.slice(0, place) + text + frame.slice(place + 1)
      })
    const any = fc.oneof(mutilated, fc.json(), anyText())
    fc.assert(
      fc.property(any, (frame) => {
        const said = codec.decode(frame)
        if (said !== undefined) codec.encode(said)
      }),
    )
  })
}

/** JSON by its value, and other text as it is. */
function parsed(frame: string): unknown {
  try {
    return JSON.parse(frame)
  } catch {
    return frame
  }
}

type DialectInput = NonNullable<ConfigInput['dialects']>[number]

export interface ServedDialectUnderTest {
  readonly dialect: DialectInput['dialect']
  /** What its entry in the configuration has besides. */
  readonly settings?: Partial<DialectInput>
  /** Opens a websocket to it and signs in; `terminate` at teardown is done for it. */
  connect(port: number): WebSocket
  /** Sent once it is open, where a language wants that. */
  readonly first?: string
  /** Frames of a client that are worth nothing, and leave the link as it is. */
  readonly ignored: readonly string[]
  /** Makes a device report, and resolves when `link` was told so. */
  told(link: ConnectedLink, hub: StartedHub): Promise<void>
  /** Another report of it, and how a link would tell that. */
  readonly secret: { readonly topic: string; readonly payload: unknown; readonly told: RegExp }
}

export interface ConnectedLink {
  readonly websocket: WebSocket
  readonly frames: Inbox<string>
}

function entryOf(
  dialect: DialectInput['dialect'],
  settings: Partial<DialectInput> = {},
): DialectInput {
  return { dialect, port: 0, guest: { user: 'clown' }, ...settings }
}

/** A hub that serves `dialect` on a free port, as user clown for whoever comes from here. */
export async function startedDialect(
  t: Test,
  dialect: DialectInput['dialect'],
  config: Partial<ConfigInput> = {},
): Promise<{ hub: StartedHub; port: number }> {
  const entry = entryOf(dialect)
  const hub = await startedHub(t, { dialects: [entry], ...config })
  return { hub, port: hub.dialects[0]?.port ?? 0 }
}

const viewer = { role: 'viewer' }

/** What every served dialect promises on a real websocket. */
export function servedContract(t: Test, tested: ServedDialectUnderTest) {
  const dialects = [entryOf(tested.dialect, tested.settings)]
  const connected = async (t: Test, port: number): Promise<ConnectedLink> => {
    const websocket = tested.connect(port)
    const frames = createInbox<string>()
    websocket.on('message', (data) => frames.put(String(data)))
    t.teardown(() => websocket.terminate())
    await once(websocket, 'open')
    if (tested.first !== undefined) websocket.send(tested.first)
    return { websocket, frames }
  }

  t.test('a link is told what devices report, and two links are told the same', async (t) => {
    const { hub, port } = await startedDialect(t, tested.dialect, { dialects })
    const one = await connected(t, port)
    const other = await connected(t, port)
    await tested.told(one, hub)
    await other.frames.next()
  })

  t.test('frames that are worth nothing, split or joined, leave the link as it is', async (t) => {
    const { hub, port } = await startedDialect(t, tested.dialect, { dialects })
    const link = await connected(t, port)
    for (const frame of tested.ignored) {
      link.websocket.send(frame)
      for (const piece of frame) link.websocket.send(piece, { fin: false })
      link.websocket.send('')
    }
    await tested.told(link, hub)
    t.equal(link.websocket.readyState, WebSocket.OPEN)
  })

  t.test('a right that is lost counts at once for what is told', async (t) => {
    const guest = { ...dialects[0]?.guest, user: 'guest' }
    const served = dialects.map((entry) => ({ ...entry, guest }))
    const { hub, changed } = await startedWith(t, { guest: viewer }, { dialects: served })
    const link = await connected(t, hub.dialects[0]?.port ?? 0)
    await tested.told(link, hub)
    await changed({ guest: {} })
    const { topic, payload, told } = tested.secret
    const { client } = await mqttTo(t, hub)
    await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })
    const before = link.frames.items.length
    await changed({ guest: viewer })
    await tested.told(link, hub)
    t.notMatch(link.frames.items.slice(before).join(' '), told)
  })

  t.test('whatever bytes come, others are told as before', async (t) => {
    const { hub, port } = await startedDialect(t, tested.dialect, { dialects })
    const patient = await connected(t, port)
    for (const bytes of fc.sample(fc.uint8Array({ maxLength: 100 }), 20)) {
      const { websocket } = await connected(t, port)
      websocket.on('error', () => {})
      websocket.send(bytes)
      websocket.send(Buffer.from(bytes).toString('latin1'))
    }
    await tested.told(patient, hub)
    t.notOk(
      hub.log.items.some(({ level }) => Number(level) >= 50),
      'no defect is logged',
    )
  })
}
