import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import { atLength } from '../../full-length.ts'
import { hubProcess } from '../../hub-process.ts'
import { rawExchange } from '../../raw-http.ts'
import { connectPacket, rawMqttTo } from '../../raw-mqtt.ts'
import type { HubPorts } from '../../started-hub.ts'

/** The limits per address hold for this machine, as for a class or a container bridge. */
const behindOneAddress = { limits: { connections: { exemptLoopback: false } } }

const people = Array.from({ length: 12 }, (_, number) => ({
  user: `person${number}`,
  password: `right${number}`,
}))

const users: ConfigInput['users'] = Object.fromEntries(
  [{ user: 'clown', password: 'bigclown' }, ...people].map(({ user, password }) => [
    user,
    { password, role: 'operator' },
  ]),
)

async function statusOf({ httpPort }: HubPorts, user: string, password: string): Promise<number> {
  const body = new URLSearchParams({ user, password }).toString()
  const head = [
    'POST /login HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
  ]
  return Number((await rawExchange(httpPort, `${head.join('\r\n')}\r\n\r\n${body}`)).slice(9, 12))
}

/** Twice what is promised of a machine that is at rest. */
const busyMs = 4000

t.test(
  'F58: a right password gets in within 2 s where boards knock and people mistype',
  async (t) => {
    t.setTimeout(120_000)
    const hub = await hubProcess(t, { users, ...behindOneAddress })
    const knock = async (board: number) => {
      const raw = await rawMqttTo(t, hub.mqttPort)
      raw.send(
        connectPacket({ clientId: `board ${board}`, user: 'clown', password: `old${board}` }),
      )
      await raw.ended
    }
    const knockAll = () => Array.from({ length: 20 }, (_, board) => knock(board))
    const knocking: Promise<void>[] = knockAll()
    const timer = setInterval(() => knocking.push(...knockAll()), 5000)
    t.teardown(() => clearInterval(timer))
    const rounds = atLength(6, 2)
    for (let round = 0; round < rounds; round++) {
      const mistyped = people
        .slice(0, 10)
        .map(({ user }, number) => statusOf(hub, user, `typo ${round} ${number}`))
      const startMs = performance.now()
      const one = people[10 + (round % 2)]
      const tried = () => statusOf(hub, one?.user ?? '', one?.password ?? '')
      let status = await tried()
      // A machine that is busy checks passwords more slowly: who is told to come again does.
      while (status === 429 && performance.now() - startMs < busyMs) status = await tried()
      t.equal(status, 204)
      const tookMs = performance.now() - startMs
      t.ok(tookMs < busyMs, `after ${Math.round(tookMs)} ms`)
      t.ok((await Promise.all(mistyped)).every((status) => [401, 429].includes(status)))
      await delay(atLength(2000, 300))
    }
    for (const { user, password } of people.slice(0, 10)) {
      t.equal(await statusOf(hub, user, password), 204, 'who has mistyped it, too')
    }
    clearInterval(timer)
    await Promise.all(knocking)
    const counters = await hub.counters()
    t.notOk(counters['connections-refused'])
  },
)
