import t from 'tap'
import { answeringHub } from './answering-hub.ts'
import { ranLine } from './run-line.ts'

const device = 'nodes/bridge/0/relay/i2c0-3b'

t.test('what is said of a device is asked of the hub, and told in one line', async (t) => {
  const body = { device, title: 'Pump\u0007', room: 'Cellar', icon: 'pump', order: 3, hidden: true }
  const { url, heard } = await answeringHub(t, {
    ...{ status: 200, body: { ...body, favorite: true, autoOffSeconds: 60 } },
  })
  const told =
    'called Pump , in Cellar, icon pump, order 3, hidden, a favorite, turned off after 60 s'
  const line = `label relay/i2c0-3b --url ${url}`
  t.same(await ranLine(`${line} --title Pump --room= --order 3 --hidden yes --favorite no`), {
    code: 0,
    output: [`${device}: ${told}`],
    errors: [],
  })
  await ranLine(`${line} --order= --icon pump --auto-off 60`)
  t.match(heard, [
    {
      path: '/api/label',
      body: JSON.stringify({
        ...{ device, title: 'Pump', room: null, order: 3, hidden: true, favorite: false },
      }),
    },
    {
      path: '/api/label',
      body: JSON.stringify({ device, icon: 'pump', order: null, autoOffSeconds: 60 }),
    },
  ])
})

t.test('what nobody has named, what is refused and what is no answer is said so', async (t) => {
  const message = 'expected a device that is known'
  for (const [status, body, code, words] of [
    [200, { device }, 0, `${device}: has no name and no room`],
    [404, { code: 'unknown-device', message }, 4, `${device}: refused: ${message}`],
  ] as const) {
    const { url } = await answeringHub(t, { status, body })
    const said = { code, output: [words], errors: [] }
    t.same(await ranLine(`label ${device} --url ${url}`), said)
  }
  const { url } = await answeringHub(t, { status: 200, body: {} })
  t.match((await ranLine(`label ${device} --url ${url}`)).errors, [
    /expected a hub that has labels/,
  ])
})

t.test('a wrong command line is refused in one sentence', async (t) => {
  for (const [line, words] of [
    ['label', /expected one device; usage: clown-hub label DEVICE/],
    ['label r --order first', /expected --order to be a number, got "first"/],
    ['label r --hidden maybe', /expected --hidden to be yes or no, got "maybe"/],
    ['label r --name Pump', /Unknown option '--name'/],
  ] as const) {
    t.match(await ranLine(line), { code: 1, errors: [words] })
  }
})
