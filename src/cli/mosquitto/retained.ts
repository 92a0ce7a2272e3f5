/** Copies what a running broker retains. */
import { setTimeout as pause } from 'node:timers/promises'
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import type { Config } from '../../config.ts'
import { HubError } from '../../core/errors.ts'
import { type Kept, openRetainedFolder, type RetainedFolder } from '../../mqtt/retained.ts'
import { type BrokerAddress, cannotConnect } from '../../simulator/broker-address.ts'

/** A broker that has sent nothing for so long has sent all it retains: its end is not told. */
const quietMs = 1000

/** How long the broker may take to let us in. */
const connectTimeoutMs = 5000

/**
 * Signs in to a broker.
 *
 * @throws HubError `cannot-connect`
 */
export async function connectBroker(broker: BrokerAddress): Promise<MqttClient> {
  const options: IClientOptions = {
    ...broker,
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: connectTimeoutMs,
  }
  try {
    const client = await connectAsync(options)
    // What ends the connection closes it, too.
    return client.on('error', () => {})
  } catch (thrown) {
    throw cannotConnect(broker, thrown)
  }
}

/** Where retained values go. */
interface RetainedTarget {
  readonly folder: string
  /** Whether values that are there may be written over. */
  readonly isForced: boolean
  readonly limits: Pick<Config['limits'], 'retained' | 'topic'>
  /** Called before each value that is written; what it throws ends the copy, and what is written stays. */
  step(text: string): void
}

/** A broker that has let us in. */
interface Source {
  readonly broker: BrokerAddress
  readonly client: MqttClient
}

/**
 * Puts everything that the broker retains into the data folder of a hub that does not run, and tells
 * what became of it, and whether it is all that the broker says it has.
 *
 * @throws HubError `cannot-open-store`, `unwritable-file` when values are there, `bad-config` without a
 * folder, `cannot-write-store`, and `cannot-connect` when the connection ends before.
 */
export async function copyRetained(
  source: Source,
  { folder: path, isForced, limits, step }: RetainedTarget,
): Promise<{ lines: string[]; counts: Counts; isWhole: boolean }> {
  if (path === '') throw noFolder()
  const folder = await openRetainedFolder(path, limits)
  try {
    if (folder.count > 0 && !isForced) throw hasValues(path, folder.count)
    const counts = await copyAll(source, folder, step)
    const total = totalOf(counts)
    const expected = await countIn(source)
    const isWhole = total >= (expected ?? 0)
    return { lines: [...linesOn(counts, path), ...lackOf(total, expected)], counts, isWhole }
  } finally {
    await folder.close()
  }
}

function noFolder(): HubError {
  const sentence = 'expected a data folder for the retained values, got data.folder ""'
  return new HubError('bad-config', `${sentence}: name one in the configuration`)
}

function hasValues(path: string, count: number): HubError {
  const sentence = `expected no retained values in ${path}, got ${count}`
  return new HubError(
    'unwritable-file',
    `${sentence}: --force writes over those of the same topics`,
  )
}

type Counts = Record<Kept, number>

/**
 * At QoS 2, values come as they were retained, but a Mosquitto drops those for which its queue has no
 * room: so it is asked once more at QoS 0, where what the network takes goes out at once.
 */
async function copyAll(
  source: Source,
  folder: RetainedFolder,
  step: RetainedTarget['step'],
): Promise<Counts> {
  const counts = { kept: 0, command: 0, 'bad-topic': 0, 'too-much': 0 }
  const seen = new Set<string>()
  const take: Take = async ({ topic, payload, qos }) => {
    if (seen.has(topic)) return
    step(`${seen.size} retained values`)
    seen.add(topic)
    counts[await folder.keep({ topic, qos, payload: Buffer.from(payload) })]++
  }
  for (const qos of [2, 0] as const) await retainedOn(source, { filter: '#', qos }, take)
  return counts
}

const reasons: Readonly<Record<Exclude<Kept, 'kept'>, string>> = {
  command: 'are commands, which are never retained',
  'bad-topic': 'are on topics that break the rules of the hub',
  'too-much': 'are past limits.retained',
}

function linesOn({ kept, ...others }: Counts, path: string): string[] {
  const left = (['command', 'bad-topic', 'too-much'] as const).filter((kind) => others[kind] > 0)
  return [
    `${kept} retained values are in ${path}`,
    ...left.map((kind) => `  ${others[kind]} were left out: they ${reasons[kind]}`),
  ]
}

/** As many messages a Mosquitto queues for a client unless told otherwise; it drops further ones. */
const usualQueue = 1000

function lackOf(total: number, expected: number | undefined): string[] {
  const isShort = expected !== undefined && total < expected
  if (isShort) return [`expected ${expected} retained values, got ${total}: ${fix}`]
  const isSure = expected !== undefined || total < usualQueue
  return isSure
    ? []
    : [`the broker does not say how many it retains, and may have left out some: ${fix}`]
}

const fix =
  'let the user of --from read # and $SYS/#, set "max_queued_messages 0" there, reload it, and import again with --force'

function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

type Take = (packet: IPublishPacket) => Promise<void>

/** Subscribes until nothing comes any more; the broker is not read while a value is being taken. */
async function retainedOn(
  { broker, client }: Source,
  { filter, qos }: { filter: string; qos: 0 | 2 },
  take: Take,
): Promise<void> {
  let lastMs = performance.now()
  const failed = new Promise<never>((_resolve, reject) => {
    client.once('close', () => reject(cannotConnect(broker, 'the end of the connection')))
    client.handleMessage = (packet, done) => {
      // What is published meanwhile comes without the flag, and perhaps without end.
      if (!packet.retain) {
        done()
        return
      }
      lastMs = performance.now()
      take(packet)
        .then(() => done())
        .catch(reject)
    }
  })
  const whole = async () => {
    await client.subscribeAsync(filter, { qos }).catch((thrown: unknown) => {
      throw cannotConnect(broker, thrown)
    })
    while (performance.now() - lastMs < quietMs) await pause(quietMs / 4)
    await client.unsubscribeAsync(filter)
  }
  await Promise.race([whole(), failed])
}

/** A Mosquitto counts what it retains, with what it tells of itself. */
async function countIn(source: Source): Promise<number | undefined> {
  let count = Number.NaN
  let ofBroker = 0
  const take: Take = async ({ topic, payload }) => {
    ofBroker++
    if (topic === '$SYS/broker/retained messages/count') count = Number(payload)
  }
  // Not everybody may read there.
  await retainedOn(source, { filter: '$SYS/#', qos: 0 }, take).catch(() => {})
  return Number.isNaN(count) ? undefined : count - ofBroker
}
