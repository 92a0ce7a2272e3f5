import t from 'tap'
import { dialectsLine, labDialects } from '../../src/cli/lab-dialects.ts'
import { isDialect, servedDialects } from '../../src/served-dialects.ts'

const house = { user: 'clown', base: 'nodes/bridge/0' }

t.test('every language is on where its original listens', async (t) => {
  const places = labDialects(undefined, house)
  t.same(
    places.map(({ dialect, port }) => [dialect, port]),
    Object.entries(servedDialects).map(([dialect, { labPort }]) => [dialect, labPort]),
  )
  t.match(places[0], {
    dialect: 'deconz',
    port: 8088,
    host: '127.0.0.1',
    base: 'nodes/bridge/0',
    guest: { user: 'clown' },
    optional: true,
  })
})

t.test('or those that are named, on other ports, or none', async (t) => {
  t.same(labDialects('none', house), [])
  t.match(labDialects(' deconz=0 , deconz=8089', house), [{ port: 0 }, { port: 8089 }])
  for (const wrong of ['', 'deconz', 'deconz=', 'deconz=65536', 'nonsense=1', 'deconz=1;']) {
    t.throws(() => labDialects(wrong, house), {
      code: 'bad-command-line',
      message: /^expected --dialects to be none, or of deconz=8088/,
    })
  }
  t.notOk(isDialect('constructor'))
})

t.test('the lab says where each is, and why one is not', async (t) => {
  t.equal(dialectsLine([]), 'none')
  const places = [
    { dialect: 'deconz', port: 8088 },
    { dialect: 'deconz', error: 'in use' },
  ] as const
  t.equal(dialectsLine(places), 'deCONZ 8088, deCONZ not: its port 8088 is in use')
})
