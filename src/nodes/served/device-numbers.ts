import { reasonOf } from '../../core/errors.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { joinTopic } from '../../core/topic.ts'
import type { Change, Store } from '../../store/store.ts'

/**
 * Numbers by which other systems call devices and nodes. A name gets one once and keeps it; no number is
 * given twice, also after its name was forgotten.
 */
export interface DeviceNumbers {
  /** The number of `name`; undefined until it is in the store. */
  of(name: string): number | undefined
  /** The name that the number of `name` was given to: another one where they were swapped. */
  firstNameOf(name: string): string
  /** Gives each of `names` that has none a number; resolves when they are in the store, or could not be. */
  give(names: readonly string[]): Promise<void>
  /** Each of two names has the number of the other one from now on; resolves as `give`. */
  swap(one: string, other: string): Promise<void>
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
const firstPrefix = 'number/first/'
const lastKey = 'number/last'

export async function openDeviceNumbers(options: DeviceNumbersOptions): Promise<DeviceNumbers> {
  const { store, sampledLog } = options
  const { numbers, firsts, last: lastOfAll } = await readNumbers(options)
  const given = new Map<string, Promise<void>>()
  let last = lastOfAll
  /** Whether they could be. */
  const written = async (changes: readonly Change[]) => {
    try {
      await store.write(changes)
      return true
    } catch (error) {
      const fields = { reason: reasonOf(error) }
      sampledLog.warn('numbers-not-written', fields, 'the numbers of devices could not be written')
      return false
    }
  }
  const write = async (fresh: ReadonlyMap<string, number>) => {
    const changes = [...fresh].map(([name, number]) => change(namePrefix + name, number))
    const forgotten = excess(numbers, fresh.size, options)
    const removed = forgotten.flatMap((name) =>
      [namePrefix, firstPrefix].map((prefix) => ({ key: prefix + name, value: undefined })),
    )
    for (const name of forgotten) {
      numbers.delete(name)
      firsts.delete(name)
    }
    // In one turn, so that they come to the disk together.
    const isWritten = await written([change(lastKey, last), ...removed, ...changes])
    if (isWritten) for (const [name, number] of fresh) numbers.set(name, number)
    for (const name of fresh.keys()) given.delete(name)
  }
  const give = async (names: readonly string[]) => {
    const without = new Set(names.filter((name) => !numbers.has(name)))
    const fresh = new Map<string, number>()
    for (const name of without) if (!given.has(name)) fresh.set(name, ++last)
    if (fresh.size > 0) {
      const written = write(fresh)
      for (const name of fresh.keys()) given.set(name, written)
    }
    await Promise.all([...without].map((name) => given.get(name)))
  }
  const firstNameOf = (name: string) => firsts.get(name) ?? name
  return {
    of: (name) => numbers.get(name),
    firstNameOf,
    give,
    swap: async (one, other) => {
      await give([one, other])
      const [own, others] = [numbers.get(one), numbers.get(other)]
      // Those could not be written.
      if (own === undefined || others === undefined) return
      const both = [
        { name: one, number: others, first: firstNameOf(other) },
        { name: other, number: own, first: firstNameOf(one) },
      ]
      for (const { name, number, first } of both) {
        numbers.set(name, number)
        firsts.set(name, first)
      }
      const changes = both.flatMap(({ name, number, first }) => [
        change(namePrefix + name, number),
        { key: firstPrefix + name, value: Buffer.from(first) },
      ])
      await written(changes)
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
  const firsts = new Map<string, string>()
  let last = 0
  for await (const [key, bytes] of store.entries('number/')) {
    if (key.startsWith(firstPrefix)) {
      firsts.set(key.slice(firstPrefix.length), bytes.toString())
      continue
    }
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
  return { numbers, firsts, last }
}
