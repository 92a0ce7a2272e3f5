import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { everybody, startedHub } from '../started-hub.ts'
import { packetSequences, play, type Sequence } from './packets.ts'

const document = new URL('../../docs/mqtt.md', import.meta.url)

/** How many there are, and how many have to pass at least. */
const expected = { all: 273 + 1210, passing: 271 + 1190 }

t.test('the hub passes the packet sequences, but for those its document explains', async (t) => {
  const files = packetSequences(t)
  if (files === undefined) return
  // A hub for each file: sequences of different files use the same topics.
  const played = await Promise.all([...files.values()].map((sequences) => playAll(t, sequences)))
  const results = played.flat()
  const failing = results.filter(({ fault }) => fault !== undefined)
  t.equal(results.length, expected.all)
  t.ok(results.length - failing.length >= expected.passing, `${failing.length} fail`)
  const listed = listedFailures()
  for (const { name, fault } of failing) if (!listed.has(name)) t.comment(`${name}: ${fault}`)
  t.same(failing.map(({ name }) => name).sort(), [...listed.keys()].sort())
  for (const [name, reason] of listed) t.match(reason, /\w+ \w+/, `${name} has its reason`)
})

async function playAll(t: Test, sequences: readonly Sequence[]) {
  // More than a thousand connections come and go, mostly to nothing.
  const limits = { connections: { exemptLoopback: true } }
  const hub = await startedHub(t, { users: everybody, limits })
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
