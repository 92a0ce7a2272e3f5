import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { readUsersFile } from '../src/access/users-file.ts'
import { checkConfig } from '../src/config.ts'
import { openSetup } from '../src/setup.ts'
import { writePrivate } from './access/users.ts'
import { ranLine, runLine } from './cli/run-line.ts'
import { steppedClock } from './clock.ts'
import { basic } from './started-sign-in.ts'
import { testFolder } from './test-folder.ts'

const log = pino({ level: 'silent' })
const admin = { user: 'ann', password: 'a long password' }

async function opened(t: Test, http: Parameters<typeof checkConfig>[0] = {}) {
  const usersFile = join(testFolder(t), 'users.yaml')
  const clock = steppedClock()
  // Who is in it is nothing to it.
  const users = { a: { password: 'b' } }
  const config = checkConfig({ users, http: { port: 0, ...Object(http) } })
  const setup = await openSetup(config, { usersFile, log, clock })
  t.teardown(setup.close)
  const [home = '', code = ''] = setup.link.replace('localhost', '127.0.0.1').split('#/setup/')
  const post = async (body: unknown, headers = {}) => {
    const response = await fetch(`${home}api/setup`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: await response.text() }
  }
  return { setup, home, code, post, clock, usersFile }
}

t.test('the link makes the first admin, once, however many try at the same time', async (t) => {
  const { setup, code, post, usersFile } = await opened(t)
  const answers = await Promise.all(
    ['ann', 'bob', 'eve'].map((user) => post({ code, ...admin, user })),
  )
  t.same(answers.map(({ status }) => status).sort(), [200, 403, 403])
  t.equal(await setup.ended, true)
  t.match(readUsersFile(usersFile), [{ role: 'admin' }])
  t.equal(readUsersFile(usersFile).length, 1)
  await t.rejects(post({ code, ...admin }), 'nobody listens any more')
})

t.test(
  'who guesses, or comes from elsewhere, or asks for something else gets nothing',
  async (t) => {
    const { code, home, post, usersFile } = await opened(t)
    t.match(await post({ ...admin, code: `${code}x` }), { status: 403, body: /setup-over/ })
    t.match(await post({ ...admin, code }, { Origin: 'https://evil.example' }), { status: 403 })
    t.match(await post({ code }), { status: 400, body: /bad-payload/ })
    t.match(await post({ ...admin, code, password: 'short' }), { status: 400 })
    t.match(await post({ ...admin, code, user: 'a:b' }), { status: 400 })
    const ask = async (path: string) => {
      const response = await fetch(home + path)
      return [response.status, await response.text()]
    }
    t.match(await ask('session'), [503, /not-set-up/])
    t.match(await ask('readyz'), [503, /link/])
    t.match(await ask('healthz'), [200, /ok/])
    for (const path of ['api/nodes', 'login', 'talk', 'mqtt', 'api/trace']) {
      t.match(await ask(path), [404], path)
    }
    t.notOk(existsSync(usersFile))
    t.match(await post({ ...admin, code }), { status: 200 }, 'none of that uses it up')
  },
)

t.test('after 30 minutes the link is over', async (t) => {
  const { setup, code, post, clock, usersFile } = await opened(t)
  clock.step(30 * 60_000 - 1)
  t.match(await post({ code, ...admin, password: 'short' }), { status: 400 })
  clock.step(1)
  t.equal(await setup.ended, false)
  await t.rejects(post({ code, ...admin }))
  t.notOk(existsSync(usersFile))
})

t.test('what cannot be written can be tried again', async (t) => {
  const { code, post, usersFile } = await opened(t)
  writePrivate(usersFile, 'users: 1\n')
  t.match(await post({ code, ...admin }), { status: 400, body: /bad-config/ })
  writePrivate(usersFile, 'users: {}\n')
  t.match(await post({ code, ...admin }), { status: 200 })
})

t.test('the link names the machine as others call it', async (t) => {
  const linkOf = async (host: string, hosts: readonly string[] = []) => {
    const { setup } = await opened(t, { host, hosts })
    setup.close()
    return new URL(setup.link)
  }
  t.equal((await linkOf('127.0.0.1')).hostname, 'localhost')
  t.equal((await linkOf('0.0.0.0', ['hub.example'])).hostname, 'hub.example')
  t.match((await linkOf('0.0.0.0')).hostname, /^[\d.]+$|localhost/)
})

t.test('run prints the link, waits for the admin, and starts the hub', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'hub.yaml')
  writePrivate(file, 'log: { level: silent }\n')
  const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0', CLOWN_DATA_FOLDER: '' }
  const { output, code, stop } = runLine(`run --config ${file}`, { environment })
  const link = new URL(/http:\S+/.exec(await output.next())?.[0] ?? '')
  const body = JSON.stringify({ ...admin, code: link.hash.slice('#/setup/'.length) })
  const made = await fetch(`http://127.0.0.1:${link.port}/api/setup`, { method: 'POST', body })
  t.equal(made.status, 200)
  const [, port] = /HTTP port (\d+)/.exec(await output.next()) ?? []
  const headers = basic(admin.user, admin.password)
  const session = await fetch(`http://127.0.0.1:${port}/session`, { headers })
  t.match(await session.json(), { user: 'ann', role: 'admin' })
  t.match(readFileSync(join(folder, 'users.yaml'), 'utf8'), /ann:/)
  stop()
  t.equal(await code, 0)
  const again = runLine(`run --config ${file}`, { environment })
  t.match(await again.output.next(), /Clown.Hub listens/, 'and once there are users, as ever')
  again.stop()
  t.equal(await again.code, 0)
})

t.test('run offers no link where no users file can be written', async (t) => {
  const folder = testFolder(t)
  writePrivate(join(folder, 'file'), '')
  for (const [place, got] of [
    ['none', 'none'],
    ['file', 'EACCES: permission denied'],
  ]) {
    const usersFile = join(folder, String(place), 'users.yaml')
    const config = join(folder, 'clown-hub.yaml')
    writePrivate(config, `usersFile: ${usersFile}\nhttp: { port: 0 }\nmqtt: { port: 0 }\n`)
    const { code, output, errors } = await ranLine(`run --config ${config}`)
    t.match({ code, output }, { code: 1, output: [] })
    const sentence = `expected a folder for the users file ${JSON.stringify(usersFile)} to be written to`
    t.match(errors, [`${sentence}, got ${got}`])
  }
})

t.test('run ends without a hub when it is stopped before', async (t) => {
  const file = join(testFolder(t), 'hub.yaml')
  writePrivate(file, 'usersFile: people.yaml\nlog: { level: silent }\n')
  const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const { output, errors, code, stop } = runLine(`run --config ${file} --json`, { environment })
  t.match(JSON.parse(await output.next()), { link: /#\/setup\// })
  stop()
  t.match(await errors.next(), /Nobody was made/)
  t.equal(await code, 0)
})
