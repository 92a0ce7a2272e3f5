import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createToken } from '../../../src/access/tokens.ts'
import type { ConfigInput } from '../../../src/config.ts'
import { atLength } from '../../full-length.ts'
import { hubProcess } from '../../hub-process.ts'
import { rawExchange } from '../../raw-http.ts'
import { accepted, connectPacket } from '../../raw-mqtt.ts'
import type { HubPorts } from '../../started-hub.ts'
import { startControl } from '../control.ts'

const program = fileURLToPath(new URL('../storm-main.ts', import.meta.url))

/** The limits per address hold for this machine, as for a NAT or a container bridge. */
const behindOneAddress = { limits: { connections: { exemptLoopback: false } } }

/** Bare sockets: a client that costs much would slow down those it is to be compared with. */
async function logIn({ httpPort }: HubPorts, user: string, password: string) {
  const body = new URLSearchParams({ user, password }).toString()
  const head = [
    'POST /login HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
  ]
  const answer = await rawExchange(httpPort, `${head.join('\r\n')}\r\n\r\n${body}`)
  const retryAfter = /\r\nRetry-After: (\d+)\r\n/.exec(answer)?.[1]
  return { status: Number(answer.slice(9, 12)), retryAfter }
}

const checksWaiting = atLength(1000, 100)
/** Two are checked while so many wait. */
const roomFor = checksWaiting + 2
const guesses = roomFor * 1.5

t.test(
  `F18: of ${guesses} logins at once ${roomFor} are checked, nobody else notices`,
  async (t) => {
    // Past their failures they would be refused for that.
    const signIn = { failuresPerAddress: 1000, checksWaiting }
    const hub = await hubProcess(t, { limits: { signIn } })
    const control = await startControl(t, hub)
    const names = Array.from({ length: guesses }, (_, number) => `user${number}`)
    const answers = await Promise.all(names.map((name) => logIn(hub, name, 'guess')))
    const checked = answers.filter(({ status }) => status === 401).length
    const busy = answers.filter(({ status, retryAfter }) => status === 503 && retryAfter === '1')
    // Who comes when the first ones are done finds room.
    t.ok(checked >= roomFor, `${checked} were checked`)
    t.equal(checked + busy.length, guesses, 'all others are told to come back')
    t.equal((await hub.counters())['sign-in-busy'] ?? 0, busy.length)
    t.equal((await logIn(hub, 'clown', 'bigclown')).status, 204)
    const { p99LatencyMs } = await control.stop()
    // All of them run in the process of the healthy clients, whose time for opening them counts as well.
    t.ok(p99LatencyMs <= 500, `p99 is ${Math.round(p99LatencyMs)} ms`)
  },
)

t.test('F17: 1,000 wrong passwords a minute leave everybody else alone', async (t) => {
  const hub = await hubProcess(t)
  const control = await startControl(t, hub)
  const attackMs = atLength(12_000, 2500)
  const attempts: Promise<{ status: number }>[] = []
  const timer = setInterval(() => {
    attempts.push(logIn(hub, 'clown', `guess${attempts.length}`))
  }, 60)
  t.teardown(() => clearInterval(timer))
  await delay(attackMs)
  const startMs = performance.now()
  t.equal((await logIn(hub, 'clown', 'bigclown')).status, 204)
  const tookMs = performance.now() - startMs
  t.ok(tookMs < 2500, `the right one took ${Math.round(tookMs)} ms`)
  clearInterval(timer)
  const statuses = (await Promise.all(attempts)).map(({ status }) => status)
  t.ok(statuses.length > attackMs / 80)
  t.ok(statuses.every((status) => [401, 429, 503].includes(status)))
  const { p99LatencyMs } = await control.stop()
  t.ok(p99LatencyMs <= 250, `p99 is ${Math.round(p99LatencyMs)} ms`)
})

interface Credentials {
  readonly user: string
  readonly password: string
}

/** Clients that all come within a second when they are told to, and answer how long it took them. */
function openStorm(t: Test, { httpPort }: HubPorts, all: Credentials[]) {
  const urls = all.map(
    ({ user, password }) => `ws://${user}:${password}@127.0.0.1:${httpPort}/talk/storm`,
  )
  const child = fork(program, [JSON.stringify(urls)], { execArgv: ['--import', 'tsx'] })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const order = async (text: 'come' | 'drop'): Promise<number> => {
    child.send(text)
    const [{ tookMs }] = await once(child, 'message')
    return tookMs
  }
  return { come: () => order('come'), drop: () => order('drop') }
}

function times<T>(count: number, make: (number: number) => T): T[] {
  return Array.from({ length: count }, (_, number) => make(number))
}

t.test('F8: 1,000 clients that drop are back within 5 s, by tokens or a warm cache', async (t) => {
  const nodes = times(10, (number) => ({ user: `node${number}`, password: createToken().token }))
  const clown = { user: 'clown', password: 'bigclown' }
  const users: ConfigInput['users'] = Object.fromEntries(
    [clown, ...nodes].map(({ user, password }) => [user, { password, role: 'admin' }]),
  )
  const hub = await hubProcess(t, { users })
  const all = times(1000, (number) => nodes[number % 20] ?? clown)
  const storm = openStorm(t, hub, all)
  await storm.come()
  const control = await startControl(t, hub)
  await storm.drop()
  const tookMs = await storm.come()
  t.comment(`${Math.round(tookMs)} ms`)
  t.ok(tookMs <= 5000, `all were back after ${Math.round(tookMs)} ms`)
  const { p99LatencyMs } = await control.stop()
  t.ok(p99LatencyMs <= 250, `p99 is ${Math.round(p99LatencyMs)} ms`)
  const counters = await hub.counters()
  t.equal(counters['sign-in-throttled'], undefined)
  t.equal(counters['sign-in-busy'], undefined)
})

const peopleAtOnce = atLength(500, 50)
const coldStartMs = peopleAtOnce * 120

t.test(
  `F8: after a cold start two clients of each of ${peopleAtOnce} users are in within ${coldStartMs} ms`,
  async (t) => {
    const people = times(peopleAtOnce, (number) => ({
      user: `user${number}`,
      password: `p${number}`,
    }))
    const users: ConfigInput['users'] = Object.fromEntries(
      [{ user: 'clown', password: 'bigclown' }, ...people].map(({ user, password }) => [
        user,
        { password, role: 'admin' },
      ]),
    )
    const hub = await hubProcess(t, { users })
    const tookMs = await openStorm(t, hub, [...people, ...people]).come()
    t.comment(`${Math.round(tookMs)} ms`)
    t.ok(tookMs <= coldStartMs, `all were in after ${Math.round(tookMs)} ms`)
    t.equal((await hub.counters())['sign-in-throttled'], undefined)
  },
)

/** All come at once by MQTT; answers how long it took until the last was in, and how many were not. */
async function comeByMqtt({ mqttPort }: HubPorts, all: readonly Credentials[]) {
  const startMs = performance.now()
  const sockets = await Promise.all(
    all.map((credentials, number) => enter(mqttPort, credentials, number)),
  )
  const refused = sockets.filter((socket) => socket === undefined).length
  const leave = async () => {
    await Promise.all(
      sockets.map(async (socket) => {
        socket?.destroy()
        if (socket !== undefined) await once(socket, 'close')
      }),
    )
  }
  return { seconds: (performance.now() - startMs) / 1000, refused, leave }
}

async function enter(port: number, { user, password }: Credentials, number: number) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(connectPacket({ clientId: `node ${number}`, user, password }))
  const [answer] = await Promise.race([once(socket, 'data'), once(socket, 'close')])
  return Buffer.isBuffer(answer) && answer.toString('hex') === accepted ? socket : undefined
}

const nodes = atLength(500, 150)
/** A password takes 30 ms of two cores, at most. */
const nodesInSeconds = (nodes * 30) / 1000
const backSeconds = nodes / 100

t.test(`F8: ${nodes} nodes behind one address are in within ${nodesInSeconds} s`, async (t) => {
  const people = times(nodes, (number) => ({ user: `user${number}`, password: `p${number}` }))
  const users: ConfigInput['users'] = Object.fromEntries(
    [{ user: 'clown', password: 'bigclown' }, ...people].map(({ user, password }) => [
      user,
      { password, role: 'admin' },
    ]),
  )
  const hub = await hubProcess(t, { users, ...behindOneAddress })
  for (const atMostSeconds of [nodesInSeconds, backSeconds, backSeconds]) {
    const { seconds, refused, leave } = await comeByMqtt(hub, people)
    t.comment(`${seconds.toFixed(1)} s`)
    t.equal(refused, 0)
    t.ok(seconds < atMostSeconds, `all were in after ${seconds.toFixed(1)} s`)
    await leave()
  }
  const counters = await hub.counters()
  t.notOk(Object.keys(counters).some((name) => /^(sign-in|connections)-/.test(name)))
})

t.test('F8: a node with a wrong password keeps nobody out behind its address', async (t) => {
  const token = createToken().token
  const users: ConfigInput['users'] = {
    clown: { password: 'bigclown', role: 'admin' },
    node: { password: token, role: 'admin' },
  }
  const hub = await hubProcess(t, { users, ...behindOneAddress })
  const wrong = times(800, (number) => ({ user: 'odd', password: `guess${number % 3}` }))
  for (const storm of [wrong.slice(0, 400), wrong.slice(400)]) {
    const { refused, leave } = await comeByMqtt(hub, storm)
    t.equal(refused, 400)
    await leave()
  }
  const right = times(500, () => ({ user: 'node', password: token }))
  const { seconds, refused } = await comeByMqtt(hub, [
    ...right,
    { user: 'clown', password: 'bigclown' },
  ])
  t.equal(refused, 0)
  t.ok(seconds < 5, `all were in after ${seconds.toFixed(1)} s`)
  t.notOk((await hub.counters())['connections-refused'])
})
