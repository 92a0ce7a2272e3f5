// What the house is like: its rooms, by its source, and how many of them one message walks through.
// Arguments: names of walks, to list every function that runs for one message of those.
import { measureRooms } from './house/rooms.ts'
import { walkMessages } from './house/walks.ts'

const named = new Set(process.argv.slice(2))
for (const [what, figure] of Object.entries(measureRooms())) console.log(`${what}: ${figure}`)
for (const { name, files, functions, calls } of await walkMessages()) {
  console.log(`${name}: ${files} files, ${functions.length} functions, ${calls} calls`)
  if (named.has(name)) for (const each of functions) console.log(`  ${each}`)
}
