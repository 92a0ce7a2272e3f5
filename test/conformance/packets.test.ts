import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { everybody, startedHub } from '../started-hub.ts'
import { packetSequences, play, type Sequence } from './packets.ts'

const document = new URL('../../docs/mqtt.md', import.meta.url)

/** [MQTT-3.1.1] Less than this is not to be had. */
const leastPassing = 265

t.test('the hub passes the packet sequences, but for those its document explains', async (t) => {
  const files = packetSequences(t)
  if (files === undefined) return
  // A hub for each file: sequences of different files use the same topics.
  const played = await Promise.all([...files.values()].map((sequences) => playAll(t, sequences)))
  const results = played.flat()
  const failing = results.filter(({ fault }) => fault !== undefined)
  t.equal(results.length, 273)
  t.ok(results.length - failing.length >= leastPassing, `${failing.length} fail`)
  const listed = listedFailures()
  for (const { name, fault } of failing) if (!listed.has(name)) t.comment(`${name}: ${fault}`)
  t.same(failing.map(({ name }) => name).sort(), [...listed.keys()].sort())
  for (const [name, reason] of listed) t.match(reason, /\w+ \w+/, `${name} has its reason`)
})

async function playAll(t: Test, sequences: readonly Sequence[]) {
  const hub = await startedHub(t, { users: everybody })
  const results: { name: string; fault: string | undefined }[] = []
  for (const sequence of sequences) {
    results.push({ name: sequence.name, fault: await play(t, hub.mqttPort, sequence) })
  }
  return results
}

/** The rows of the document's table of failing sequences: a name in code, and why. */
function listedFailures(): Map<string, string> {
  const text = readFileSync(document, 'utf8')
  const section = text.split('## Packet sequences that fail')[1] ?? ''
  const rows = section.matchAll(/^\| `([^`]+)` *\| (.+?) *\|$/gm)
  return new Map([...rows].map(([, name = '', reason = '']) => [name, reason]))
}
