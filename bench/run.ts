// Runs every question, or those that are named, and prints one table. With --write the table takes its
// place in docs/performance.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { answer, type Bench } from './bench.ts'
import { coldMessage } from './cold-message.ts'
import { commandBesideBroker, commandRoundTrip } from './command-round-trip.ts'
import { fanIn } from './fan-in.ts'
import { fanOutByMqtt } from './fan-out-mqtt.ts'
import { fanOutBesideBroker, fanOutByWebsocket } from './fan-out-websocket.ts'
import { growth } from './growth.ts'
import { idle } from './idle.ts'
import { ingestion } from './ingest.ts'
import { latency } from './latency.ts'
import { manyToMany } from './many-to-many.ts'
import { memory } from './memory.ts'
import { mqtt5 } from './mqtt5.ts'
import { profiles } from './profiles.ts'
import { retainedReplay } from './retained.ts'
import { sparseByMqtt, sparseByWebsocket } from './sparse.ts'
import { startTime } from './start-time.ts'
import { type Row, tableOf } from './table.ts'

const questions: Readonly<Record<string, (bench: Bench) => Promise<Row[]>>> = {
  'fan-out-websocket': fanOutByWebsocket,
  'fan-out-mqtt': fanOutByMqtt,
  'fan-in': fanIn,
  'many-to-many': manyToMany,
  ingest: ingestion,
  mqtt5,
  'command-round-trip': commandRoundTrip,
  'command-beside-broker': commandBesideBroker,
  'fan-out-beside-broker': fanOutBesideBroker,
  latency,
  'sparse-websocket': sparseByWebsocket,
  'sparse-mqtt': sparseByMqtt,
  'cold-message': coldMessage,
  growth,
  profiles,
  retained: retainedReplay,
  memory,
  idle,
  'start-time': startTime,
}

const page = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const place = /(<!-- table -->\n).*?(\n<!-- end -->)/s

const words = process.argv.slice(2)
const names = words.filter((word) => !word.startsWith('--'))
const unknown = names.filter((name) => !(name in questions))
if (unknown.length > 0) {
  console.error(`expected ${Object.keys(questions).join(', ')}, got ${unknown.join(', ')}`)
  process.exit(1)
}
const rows: Row[] = []
for (const [name, question] of Object.entries(questions)) {
  if (names.length > 0 && !names.includes(name)) continue
  const startMs = performance.now()
  try {
    const found = await answer(question)
    rows.push(...found)
    // So that a run that is ended early was not for nothing.
    console.error(tableOf(found))
  } catch (error) {
    // The others are worth their time all the same.
    console.error(error)
    process.exitCode = 1
  }
  console.error(`${name}: ${Math.round((performance.now() - startMs) / 1000)} s`)
}
const table = tableOf(rows)
console.log(table)
if (words.includes('--write')) {
  const text = readFileSync(page, 'utf8')
  writeFileSync(
    page,
    text.replace(place, (_, before, after) => `${before}\n${table}\n${after}`),
  )
}
