// Writes one key after another into the store of the folder that is its argument, some in one turn,
// and prints each when it is written.
import { setImmediate as turnEnd } from 'node:timers/promises'
import { openLevelStore } from '../../src/store/level-store.ts'

const store = await openLevelStore({
  folder: process.argv[2] ?? '',
  sampledLog: { warn: () => {} },
})
for (let count = 0; ; count++) {
  const key = `${process.pid} ${count}`
  void store
    .write([{ key, value: Buffer.from(String(count)) }])
    .then(() => process.stdout.write(`${key}\n`))
  if (count % 7 === 0) await turnEnd()
}
