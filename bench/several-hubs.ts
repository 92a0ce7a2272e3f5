// Three hubs before one Mosquitto, pages at each of them, and one of the hubs is killed: does each page have each message
// once and in order, and how soon has it another hub? A page takes the next hub when its own is gone, as a proxy in front
// of them would have it. `npm run bench:hubs` is the whole of it; bench/check.ts does a little.
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { connectAsync } from 'mqtt'
import { WebSocket } from 'ws'
import { cpuMicroseconds } from './cpu.ts'
import { startMosquitto } from './mosquitto.ts'
import { end, nextMessage, quantile, start } from './processes.ts'

export interface Size {
  readonly pages: number
  /** So many bases, each of which has as many pages. */
  readonly rooms: number
  /** To each base. */
  readonly perSecond: number
  readonly seconds: number
}

/** Each page hears 20 of the 2,000 messages a second. */
const whole: Size = { pages: 3000, rooms: 100, perSecond: 20, seconds: 15 }

interface Found {
  readonly delivered: number
  /** Left out, twice or in another order while the page had one hub all the time. */
  readonly wrong: number
  /** The pages of the hub that was killed, and how long until each had the next message, in milliseconds. */
  readonly moved: number
  readonly movedMs: { readonly p50: number; readonly most: number }
  /** Microseconds of a processor for each message that a page has had: of all hubs, and of the broker. */
  readonly perDelivery: { readonly hubs: number; readonly broker: number }
  /** Pages that did not have the last value of their base at once from the next hub. */
  readonly withoutLast: number
}

interface Page {
  readonly room: number
  hub: number
  /** The number of the last message. */
  last: number
  delivered: number
  wrong: number
  /** Since when it has no hub. */
  goneMs: number
  movedMs: number
  /** The first message from another hub is the last one that was said before. */
  isFirst: boolean
  hasLast: boolean
}

const names = ['a', 'b', 'c']

export async function severalHubs(size: Size): Promise<Found> {
  const mosquitto = await startMosquitto()
  const children = names.map((name) =>
    start('./servers/hub.ts', ['', `mqtt://127.0.0.1:${mosquitto.port}`, name]),
  )
  const ports: number[] = []
  for (const child of children) ports.push(Object(await nextMessage(child)).httpPort)
  const pages = Array.from({ length: size.pages }, (_, at) => pageOf(at, size.rooms))
  const sockets = new Set<WebSocket>()
  for (const page of pages) await opened(page, { ports, sockets })
  const pids = [...children.map(({ pid = 0 }) => pid), mosquitto.child.pid ?? 0]
  const before = pids.map(cpuMicroseconds)
  const publishing = publish(mosquitto.port, size)
  await pause(size.seconds * 500)
  const used = pids.map((pid, at) => cpuMicroseconds(pid) - (before[at] ?? 0))
  const half = sum(pages, ({ delivered }) => delivered)
  const lost = pages.filter(({ hub }) => hub === 0)
  for (const page of lost) page.goneMs = performance.now()
  children[0]?.kill('SIGKILL')
  await publishing
  await pause(1000)
  for (const socket of sockets) socket.terminate()
  await Promise.all([...children, mosquitto.child].map(end))
  const broker = used.pop() ?? 0
  const moved = lost.map(({ movedMs }) => movedMs)
  return {
    delivered: sum(pages, ({ delivered }) => delivered),
    wrong: sum(pages, ({ wrong }) => wrong),
    moved: moved.length,
    movedMs: { p50: Math.round(quantile(moved, 0.5)), most: Math.round(Math.max(...moved)) },
    perDelivery: { hubs: sum(used, (each) => each) / half, broker: broker / half },
    withoutLast: lost.filter(({ hasLast }) => !hasLast).length,
  }
}

function sum<Each>(all: readonly Each[], of: (each: Each) => number): number {
  return all.reduce((whole, each) => whole + of(each), 0)
}

function pageOf(at: number, rooms: number): Page {
  const beginning = { last: 0, delivered: 0, wrong: 0, isFirst: true, hasLast: false }
  // Each room has pages at all three.
  const room = Math.floor(at / names.length) % rooms
  return {
    ...beginning,
    room,
    hub: at % names.length,
    goneMs: 0,
    movedMs: Number.POSITIVE_INFINITY,
  }
}

interface Around {
  readonly ports: readonly number[]
  readonly sockets: Set<WebSocket>
}

/** Opens the page at its hub, and at the next one whenever that is gone. */
async function opened(page: Page, around: Around): Promise<void> {
  const { ports, sockets } = around
  const path = `/talk/nodes/bench/${page.room}`
  const socket = new WebSocket(`ws://127.0.0.1:${ports[page.hub]}${path}`, {
    perMessageDeflate: false,
  })
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('message', (data: Buffer) => hear(page, String(data)))
  socket.on('close', () => {
    if (!sockets.delete(socket) || page.goneMs === 0) return
    page.hub = (page.hub + 1) % ports.length
    page.isFirst = true
    // Not all of them at the same moment.
    setTimeout(() => void opened(page, around), 500 * Math.random())
  })
  if (page.goneMs === 0) await once(socket, 'open')
}

/** Lines of numbers that go up by one; the first one from a hub is the last value, which may be known. */
function hear(page: Page, text: string): void {
  for (const [, number] of text.matchAll(/"n":(\d+)/g)) {
    const said = Number(number)
    if (page.isFirst) {
      page.isFirst = false
      if (page.goneMs > 0) {
        page.movedMs = performance.now() - page.goneMs
        page.hasLast = said >= page.last
      }
    } else if (said !== page.last + 1) page.wrong++
    page.last = said
    page.delivered++
  }
}

/** Evenly, as far as the machine lets it. */
async function publish(port: number, { rooms, perSecond, seconds }: Size): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 })
  const beganMs = performance.now()
  for (let number = 1; number <= seconds * perSecond; number++) {
    for (let room = 0; room < rooms; room++) {
      client.publish(`nodes/bench/${room}/counter/a`, `{"n":${number}}`)
    }
    await pause(Math.max(0, beganMs + (number * 1000) / perSecond - performance.now()))
  }
  await client.endAsync()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = await severalHubs(whole)
  console.log(found)
  process.exit(found.wrong === 0 && found.movedMs.most <= 2000 && found.withoutLast === 0 ? 0 : 1)
}
