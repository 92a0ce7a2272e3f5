import t, { type Test } from 'tap'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { type StartedLab, startLab, startProgram } from './started-lab.ts'

const clown = { user: 'clown', password: 'bigclown' }
const relay = 'nodes/bridge/0/relay/i2c0-3b'

/** Runs clown-hub set to its end. */
async function set(t: Test, lab: StartedLab, ...words: string[]) {
  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  const { output, errors, ended } = startProgram(t, ['set', ...words], { CLOWN_HUB_URL: url })
  const code = await ended
  return { code, line: output.items.join('\n'), errors: errors.items }
}

t.test('a command from the command line switches a relay of the lab, and says so', async (t) => {
  const lab = await startLab(t)
  const [on, led, wrong] = await Promise.all([
    set(t, lab, 'relay/i2c0-3b', 'on'),
    set(t, lab, 'led/-', '2-dot', '--json'),
    set(t, lab, 'led/-', 'purple'),
  ])
  t.match(on.line, /^nodes\/bridge\/0\/relay\/i2c0-3b \{"state":true\}: confirmed, after \d+ ms$/)
  t.match(JSON.parse(led.line), { device: 'nodes/bridge/0/led/-', receipt: 'confirmed' })
  t.match(
    wrong.line,
    /^nodes\/bridge\/0\/led\/- \{"state":"purple"\}: refused, after 0 ms: expected/,
  )
  t.same([on.code, led.code, wrong.code], [0, 0, 4])
})

t.test('mosquitto_pub commands, and mosquitto_sub reads what becomes of it', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const { mqttPort: port } = await startLab(t)
  const filter = `$SYS/hub/commands/${relay}`
  const lives = await subscribe(t, { ...clown, port, filter, format: '%p' })
  await publish({ ...clown, port, topic: `${relay}/set`, payload: '{"state":true}' })
  await lives.next((line) => line.includes('"receipt":"confirmed"'))
  const told = lives.items.map((line) => JSON.parse(line))
  t.match(told, [{ receipt: 'sent' }, { receipt: 'confirmed' }])
  t.match(told[0], { by: 'clown', way: 'mqtt', asked: { state: true } })
  const later = await subscribe(t, { ...clown, port, filter, format: '%r %p' })
  t.equal(await later.next(), `1 ${lives.items.at(-1)}`, 'whoever comes later finds it')
})
