/**
 * What becomes of a command to a relay of each convention: played by the simulator, with each fault, and by hand with
 * mosquitto_pub, by people who never saw either.
 */
import t, { type Test } from 'tap'
import type { HubNode } from '../../client/types.ts'
import { identityOf } from '../../src/simulator/convention.ts'
import {
  type ConventionName,
  conventions,
  isConventionName,
} from '../../src/simulator/conventions.ts'
import { lamp, relay } from '../../src/simulator/parts.ts'
import type { NodeFaults } from '../../src/simulator/simulated-node.ts'
import { startSimulatedNode } from '../../src/simulator/start-simulated-node.ts'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { type MqttEnd, mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { type Line, scripts } from './hand-played.ts'

const authorization = `Basic ${btoa('clown:bigclown')}`

/** A device answers at once here or not at all, unless the machine has much other work. */
const seconds = { deaf: 1, lying: 6, others: 30 }

/** What says something else is waited for: it may still say what it was asked. */
function secondsTo(end: string): number {
  if (end === 'timed-out') return seconds.deaf
  return end === 'mismatch' ? seconds.lying : seconds.others
}

/** Commands follow each other faster than a relay may be switched. */
const unguarded = { rules: [{ minIntervalMilliseconds: 0, perSecond: 0 }] }

/**
 * A hub in a house whose Home Assistant is away: it greets nobody in its place. For a minute after a greeting what a
 * device says again is what it remembers, and no answer.
 */
async function ungreetingHub(t: Test): Promise<{ hub: StartedHub; bus: MqttEnd }> {
  const hub = await startedHub(t, { commands: unguarded })
  const bus = await mqttTo(t, hub, { filter: 'devices/#' })
  await bus.client.publishAsync('homeassistant/status', 'offline', { qos: 1 })
  return { hub, bus }
}

/** How a command ends that turns `device` on, or off. */
async function turn(
  hub: StartedHub,
  device: string,
  { state = true, timeoutSeconds = seconds.others } = {},
): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://127.0.0.1:${hub.httpPort}/api/command`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ device, payload: { state }, timeoutSeconds }),
  })
  return (await answer.json()) as Record<string, unknown>
}

/** The relay, or the light, of the node at `base`; waits until it has told how it is. */
async function switchAt({ messages }: MqttEnd, base: string): Promise<string> {
  const isSwitch = (topic: string) => /\/(?:relay|light)\/[^/]+$/.test(topic)
  const { topic } = await messages.next(
    ({ topic }) => topic.startsWith(`${base}/`) && isSwitch(topic),
  )
  return topic
}

// --- by the simulator ---

/** All that can be told something. */
const commanded = Object.keys(conventions)
  .filter(isConventionName)
  .filter((name) => name !== 'clown-model' && name !== 'rtl_433')

const faults: Readonly<Record<string, NodeFaults>> = {
  confirmed: {},
  'timed-out': { isDeaf: true },
  mismatch: { isLying: true },
  refused: { isRefusing: true },
  'node-offline': {},
}

/** A name that each can be called. */
function nameFor(convention: ConventionName, end: string): string {
  const { usual } = conventions[convention].name
  return `${usual.replace(/[-_:][^-_:]*$/, '')}-${end}`
}

t.test('a relay of each convention ends as it should, whatever it does', async (t) => {
  const { hub, bus } = await ungreetingHub(t)
  const url = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
  const tries = commanded.flatMap((convention) => {
    return Object.entries(faults).map(([end, fault]) => ({ convention, end, fault }))
  })
  await Promise.all(
    tries.map(async ({ convention, end, fault }) => {
      const name = nameFor(convention, end)
      const part = convention === 'wled' ? lamp('Switch', ['brightness', 'color']) : relay('Switch')
      const node = await startSimulatedNode({
        ...{
          url,
          convention: conventions[convention],
          name,
          parts: [part],
          faults: fault,
          connectTimeoutMs: 60_000,
        },
      })
      t.teardown(node.close)
      const { lastingIdOf } = conventions[convention].open(identityOf(name), [part])
      const base = `devices/${convention}/${lastingIdOf(part)}`
      const device = await switchAt(bus, base)
      if (end === 'node-offline') await node.close()
      const { receipt, message } = await turn(hub, device, {
        timeoutSeconds: secondsTo(endOf(convention, end)),
      })
      t.equal(receipt, endOf(convention, end), `${convention}: ${receipt} ${message ?? ''}`)
      if (end !== 'confirmed') return
      t.match(await turn(hub, device, { state: false }), { receipt: 'confirmed' })
      const known = await settableOf(hub, device)
      t.match(known, { state: { type: 'boolean' } }, `${convention} can be set`)
      t.same((await chartOf(hub, device)).sort(), [false, true], convention)
    }),
  )
})

/** What everybody is told that `device` can be set to. */
async function settableOf({ httpPort }: StartedHub, device: string): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/nodes`, {
    headers: { authorization },
  })
  const { nodes } = (await answer.json()) as { readonly nodes: readonly HubNode[] }
  return nodes.flatMap(({ devices }) => devices).find(({ topic }) => topic === device)?.settable
}

/** What the chart of `device` has, with each state once. */
async function chartOf({ httpPort }: StartedHub, device: string): Promise<unknown[]> {
  const query = new URLSearchParams({ topic: device, quantity: 'state', format: 'ndjson' })
  const url = `http://127.0.0.1:${httpPort}/api/history?${query}`
  const answer = await fetch(url, { headers: { authorization } })
  const lines = (await answer.text()).split('\n').filter((line) => line.startsWith('{'))
  return [...new Set(lines.map((line) => JSON.parse(line).value))]
}

/** HARDWARIO has no way to say that a node is gone, and six of them none to say no. */
function endOf(convention: ConventionName, end: string): string {
  if (end === 'node-offline' && conventions[convention].name.usual.includes('power-controller')) {
    return 'timed-out'
  }
  return end === 'refused' && !conventions[convention].canRefuse ? 'timed-out' : end
}

t.test('so does one that somebody plays with mosquitto_pub', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const { hub, bus } = await ungreetingHub(t)
  const login = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  const wire = await subscribe(t, { ...login, filter: '#' })
  const say = async (lines: readonly Line[]) => {
    for (const [topic, payload, retain = false] of lines) {
      await publish({ ...login, topic, payload, retain })
    }
  }
  await Promise.all(
    Object.entries(scripts).map(
      async ([name, { base, greets, isAsked, hears, says, refuses, leaves }]) => {
        await say(greets)
        if (isAsked !== undefined) {
          await wire.next((line) => isAsked.by.test(line))
          await say(isAsked.answers)
        }
        const device = await switchAt(bus, base)
        /** Turns it on and has it say what `answers` makes of what it hears. */
        const ends = async (wanted: string, answers: (asked: string) => readonly Line[]) => {
          const timeoutSeconds = secondsTo(wanted)
          const end = turn(hub, device, { timeoutSeconds })
          await say(answers(await wire.next((line) => hears.test(line))))
          const { receipt, message } = await end
          t.equal(receipt, wanted, `${name}: ${receipt} ${message ?? ''}`)
        }
        await ends('timed-out', () => [])
        await ends('mismatch', (asked) => says(false, asked))
        if (refuses !== undefined) await ends('refused', refuses)
        await ends('confirmed', (asked) => says(true, asked))
        if (leaves.length === 0) return
        await say(leaves)
        const { receipt } = await turn(hub, device)
        t.equal(receipt, 'node-offline', name)
      },
    ),
  )
})
