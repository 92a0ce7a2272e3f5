import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { atLength } from '../full-length.ts'
import { freePort, requireProgram, type StartedBroker, startMosquitto } from '../programs.ts'
import { type StartedHub, startedHub } from '../started-hub.ts'
import { type Wire, wireTo } from './cut-wire.ts'

// At full length each fault comes twenty times, and the longest takes 20 seconds.
t.setTimeout(atLength(1800, 300) * 1000)

const headers = {
  authorization: `Basic ${btoa('clown:bigclown')}`,
  'content-type': 'application/json',
}
const base = 'nodes/beside/0'

/** A node with as many relays as it is asked for, which notes when it heard of each, and reports. */
async function nodeOn(t: Test, port: number) {
  const heardMs = new Map<string, number>()
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50 })
  t.teardown(() => client.endAsync(true))
  client.on('error', () => {})
  client.on('message', (topic, payload) => {
    const device = topic.replace(/\/set$/, '')
    heardMs.set(device, performance.now())
    client.publish(device, payload)
  })
  await client.subscribeAsync(`${base}/relay/+/set`, { qos: 1 })
  return { client, heardMs }
}

interface Ended {
  readonly device: string
  readonly sentMs: number
  readonly receipt: { receipt: string; final: boolean; code?: string }
}

let count = 0

async function command({ httpPort }: StartedHub): Promise<Ended> {
  const device = `${base}/relay/r${count++}`
  const sentMs = performance.now()
  const body = JSON.stringify({ device, payload: { state: true }, timeoutSeconds: 1 })
  const url = `http://127.0.0.1:${httpPort}/api/command`
  const answer = await fetch(url, { method: 'POST', headers, body })
  return { device, sentMs, receipt: (await answer.json()) as Ended['receipt'] }
}

interface House {
  readonly broker: { started: StartedBroker; start(): Promise<void> }
  readonly wire: Wire
}

/** Lets `fault` happen while commands are under way, and waits until one is confirmed again. */
async function duringFault(t: Test, fault: (house: House) => Promise<void>): Promise<void> {
  t.setTimeout(atLength(900, 120) * 1000)
  const port = await freePort()
  const broker = {
    started: await startMosquitto(t, { port }),
    start: async () => {
      broker.started = await startMosquitto(t, { port })
    },
  }
  const wire = await wireTo(t, port)
  const hub = await startedHub(t, { bus: { url: `mqtt://127.0.0.1:${wire.port}` } })
  const { heardMs } = await nodeOn(t, port)
  for (let round = 0; round < atLength(20, 1); round++) {
    const ends: Promise<Ended>[] = []
    let isOver = false
    const over = fault({ broker, wire }).then(() => {
      isOver = true
    })
    while (!isOver) {
      ends.push(command(hub))
      await pause(100)
    }
    await over
    while ((await command(hub)).receipt.receipt !== 'confirmed') await pause(10)
    for (const end of await Promise.all(ends)) checkEnd(t, end, heardMs.get(end.device))
  }
}

/** Whether a receipt is the last one, and true of what the node has heard. */
function checkEnd(t: Test, { device, sentMs, receipt }: Ended, atMs: number | undefined): void {
  t.equal(receipt.final, true)
  const afterMs = (atMs ?? sentMs) - sentMs
  t.ok(afterMs < 1500, `${device}: ${receipt.receipt}, heard after ${afterMs} ms`)
  if (receipt.receipt === 'refused') {
    t.equal(receipt.code, 'bus-away')
    t.equal(atMs, undefined, 'what is refused was never sent')
  } else if (receipt.receipt === 'confirmed') t.not(atMs, undefined)
  else t.equal(receipt.receipt, 'timed-out')
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

t.test('F67: the broker beside which the hub runs is killed, and started again', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  await duringFault(t, async ({ broker }) => {
    await pause(300)
    broker.started.signal('SIGKILL')
    await pause(700)
    await broker.start()
    await pause(300)
  })
})

t.test('F67: the broker beside which the hub runs stands still, and goes on', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  await duringFault(t, async ({ broker }) => {
    await pause(300)
    broker.started.signal('SIGSTOP')
    await pause(2500)
    broker.started.signal('SIGCONT')
    await pause(300)
  })
})

for (const cutMs of process.env['FULL_LENGTH'] === '1' ? [500, 2000, 4000, 20_000] : [500, 2500]) {
  t.test(`F68: the wire to the broker is cut for ${cutMs} ms`, async (t) => {
    if (requireProgram(t, 'mosquitto') === undefined) return
    await duringFault(t, async ({ wire }) => {
      await pause(300)
      wire.cut()
      await pause(cutMs)
      wire.mend()
      await pause(300)
    })
  })
}
