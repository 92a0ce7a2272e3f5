import t from 'tap'
import { createAddressTable } from '../../src/access/address-table.ts'

const options = { acceptsPerMinute: 60, acceptBurst: 1, now: () => 0 }

t.test('it does not grow with every address that comes by', async (t) => {
  const table = createAddressTable(options)
  const held = table.of('192.0.2.1')
  held.open = 1
  table.settle(held)
  const latest = table.of('198.51.100.1')
  latest.failures.take()
  for (let number = 0; number < 5000; number++) {
    table.settle(table.of(`10.0.${number >> 8}.${number & 255}`))
    table.settle(latest)
  }
  t.equal(table.size, 4096 + 1)
  t.equal(table.of('192.0.2.1'), held, 'an address that holds a connection stays')
  t.equal(table.of('198.51.100.1'), latest, 'and one that keeps coming')
  held.open = 0
  table.settle(held)
  t.equal(table.size, 4096 + 1 - 1, 'the oldest goes')
})
