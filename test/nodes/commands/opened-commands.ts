import type { Sender } from '../../../src/access/sender.ts'
import type { Message, Receipt, ReceiptName } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import type { LastReport } from '../../../src/nodes/commands/command-life.ts'
import { type CommandsOptions, createCommands } from '../../../src/nodes/commands/commands.ts'
import { commandTopic } from '../../../src/nodes/device.ts'
import { type SteppedClock, steppedClock } from '../../clock.ts'
import { clown } from '../../senders.ts'

export const timeoutMs = 5000
export const relay = 'nodes/bridge/0/relay/i2c0-3b'

function payloadOf(value: unknown): Payload {
  return Payload.ofJson(JSON.stringify(value), value)
}

export function messageOn(topic: string, value: unknown): Message {
  return { topic, payload: payloadOf(value), qos: 0, retain: false }
}

export interface Asked {
  readonly receipts: Receipt[]
  readonly names: ReceiptName[]
  readonly ends: Receipt[]
}

/** Commands between senders and a device that reports what the test says. */
export function openedCommands(options: Partial<CommandsOptions> = {}) {
  const clock: SteppedClock = steppedClock()
  const published: Message[] = []
  const told: [device: string, ReceiptName][] = []
  const last = new Map<string, LastReport>()
  const recalled: [device: string, sentAtMs: number][] = []
  const commands = createCommands({
    bus: {
      publish: (message) => published.push(message),
      refusalOf: () => undefined,
    },
    // Nothing stands against a command.
    relayGuard: { check: () => undefined, sent: () => {} },
    takeRate: () => {},
    isKnown: () => true,
    checkRight: () => {},
    checkKnown: () => {},
    isOffline: () => false,
    timeoutMsOf: () => timeoutMs,
    isKeptFirst: () => false,
    whenKept: () => {},
    lastReportOf: (device) => last.get(device),
    ask: () => false,
    isGateway: (client) => client === 'gateway',
    recall: ({ device }, sentAtMs) => recalled.push([device, sentAtMs]),
    tell: ({ device }, { receipt }) => told.push([device, receipt]),
    devices: 100,
    clock,
    ...options,
  })
  return {
    clock,
    commands,
    published,
    told,
    recalled,
    reports: (value: unknown, device = relay, client?: string) => {
      commands.reported(device, payloadOf(value), client)
      last.set(device, { value, atMs: clock.wallMs() })
    },
    ask: (
      value: unknown,
      { device = relay, ...from }: Partial<Sender> & { device?: string } = {},
    ) => {
      const receipts: Receipt[] = []
      const ends: Receipt[] = []
      const asked: Asked = {
        receipts,
        get names() {
          return receipts.map(({ receipt }) => receipt)
        },
        ends,
      }
      const watcher = {
        changed: (receipt: Receipt) => receipts.push(receipt),
        ended: (receipt: Receipt) => ends.push(receipt),
      }
      const message = messageOn(commandTopic(device), value)
      commands.take({ device, message, sender: { ...clown, watcher, ...from } })
      return asked
    },
  }
}
