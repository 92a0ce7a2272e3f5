import { reasonOf } from '../../core/errors.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { joinTopic } from '../../core/topic.ts'
import type { Store } from '../../store/store.ts'

/**
 * Numbers by which other systems call devices and nodes. A name gets one once and keeps it; no number is
 * given twice, also after its name was forgotten.
 */
export interface DeviceNumbers {
  /** The number of `name`; undefined until it is in the store. */
  of(name: string): number | undefined
  /** Gives each of `names` that has none a number; resolves when they are in the store, or could not be. */
  give(names: readonly string[]): Promise<void>
}

export interface DeviceNumbersOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  /** So many names are kept, at least twice as many as can be in use. */
  readonly most: number
  /** Whether something of this name is there now. */
  isInUse(name: string): boolean
  readonly sampledLog: SampledLog
}

/** What a node is called among the numbers. No topic is written like that. */
export function nodeName(base: string): string {
  return joinTopic(base, '#')
}

const roomPrefix = '#/'

/** What a room is called among the numbers. No node is called like that. */
export function roomName(room: string): string {
  return roomPrefix + room
}

/** The room that is called so among the numbers; undefined of anything else. */
export function roomIn(name: string): string | undefined {
  return name.startsWith(roomPrefix) ? name.slice(roomPrefix.length) : undefined
}

const namePrefix = 'number/of/'
const lastKey = 'number/last'

export async function openDeviceNumbers(options: DeviceNumbersOptions): Promise<DeviceNumbers> {
  const { store, sampledLog } = options
  const { numbers, last: lastOfAll } = await readNumbers(options)
  const given = new Map<string, Promise<void>>()
  let last = lastOfAll
  const write = async (fresh: ReadonlyMap<string, number>) => {
    const changes = [...fresh].map(([name, number]) => change(namePrefix + name, number))
    const forgotten = excess(numbers, fresh.size, options)
    const removed = forgotten.map((name) => ({ key: namePrefix + name, value: undefined }))
    for (const name of forgotten) numbers.delete(name)
    try {
      // In one turn, so that they come to the disk together.
      await store.write([change(lastKey, last), ...removed, ...changes])
      for (const [name, number] of fresh) numbers.set(name, number)
    } catch (error) {
      const fields = { reason: reasonOf(error) }
      sampledLog.warn('numbers-not-written', fields, 'the numbers of devices could not be written')
    }
    for (const name of fresh.keys()) given.delete(name)
  }
  return {
    of: (name) => numbers.get(name),
    give: async (names) => {
      const without = new Set(names.filter((name) => !numbers.has(name)))
      const fresh = new Map<string, number>()
      for (const name of without) if (!given.has(name)) fresh.set(name, ++last)
      if (fresh.size > 0) {
        const written = write(fresh)
        for (const name of fresh.keys()) given.set(name, written)
      }
      await Promise.all([...without].map((name) => given.get(name)))
    },
  }
}

function change(key: string, number: number) {
  return { key, value: Buffer.from(String(number)) }
}

/**
 * The names to forget before `more` are added: those that were numbered first of what is not there any
 * more. A quarter at once, so that whoever invents names does not have all of them looked at each time.
 */
function excess(
  numbers: ReadonlyMap<string, number>,
  more: number,
  { most, isInUse }: DeviceNumbersOptions,
): string[] {
  if (numbers.size + more <= most) return []
  const unused = [...numbers.keys()].filter((name) => !isInUse(name))
  return unused.slice(0, Math.max(more, Math.ceil(most / 4)))
}

async function readNumbers({ store, sampledLog }: DeviceNumbersOptions) {
  const numbers = new Map<string, number>()
  const found: [name: string, number: number][] = []
  let last = 0
  for await (const [key, bytes] of store.entries('number/')) {
    const number = Number(bytes.toString())
    if (!Number.isSafeInteger(number) || number < 1) {
      sampledLog.warn('numbers-unreadable', { key }, 'the number of a device could not be read')
      continue
    }
    last = Math.max(last, number)
    if (key.startsWith(namePrefix)) found.push([key.slice(namePrefix.length), number])
  }
  for (const [name, number] of found.sort(([, one], [, other]) => one - other)) {
    numbers.set(name, number)
  }
  return { numbers, last }
}
