import type { Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { type MqttEnd, mqttTo, type StartedHub } from '../started-hub.ts'
import { startedDialect } from './served-contract.ts'

/** The topic of the node in the house. */
const houseBase = 'nodes/bridge/0'

/** Who lives there: their passwords are their names and a 1. */
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  operator: { password: 'operator1', role: 'operator' },
  viewer: { password: 'viewer1', role: 'viewer' },
  // May see the thermometer and command nothing.
  visitor: {
    password: 'visitor1',
    rules: [{ allow: ['read'], topic: 'nodes/bridge/0/thermometer/#' }],
  },
  bridge: { password: 'bridge1', role: 'node', base: houseBase },
} as const

export interface House {
  readonly hub: StartedHub
  /** Where the dialect is served. */
  readonly port: number
  /** The node, which does nothing by itself. */
  readonly node: MqttEnd
  /** Has a device such as `relay/i2c0-3b` report, as its node publishes it. */
  report(name: string, report: unknown): Promise<void>
  /** Has the node do what it is told: report what a `…/set` asks for. */
  obey(): void
}

/** A hub that serves `dialect` on a free port, and one node. */
export async function startedHouse(
  t: Test,
  dialect: NonNullable<ConfigInput['dialects']>[number]['dialect'],
  config: Partial<ConfigInput> = {},
): Promise<House> {
  const { hub, port } = await startedDialect(t, dialect, { users, ...config })
  const node = await mqttTo(t, hub, {
    username: 'bridge',
    password: 'bridge1',
    filter: `${houseBase}/+/+/set`,
  })
  const report = async (name: string, value: unknown) => {
    const options = { qos: 1, retain: true } as const
    await node.client.publishAsync(`${houseBase}/${name}`, JSON.stringify(value), options)
  }
  const obey = () => {
    node.client.on('message', (topic, payload) => {
      const device = topic.replace(/\/set$/, '')
      node.client.publish(device, payload, { qos: 1, retain: true })
    })
  }
  return { hub, port, node, report, obey }
}

/** What HTTP Basic sends of a user of the house. */
export function basicOf(user: keyof typeof users): string {
  return `Basic ${Buffer.from(`${user}:${users[user].password}`).toString('base64')}`
}
