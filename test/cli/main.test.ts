import { chmodSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import t from 'tap'
import { main } from '../../src/cli/main.ts'
import { HubError } from '../../src/core/errors.ts'
import { readRelease } from '../../src/core/release.ts'
import { writePrivate } from '../access/users.ts'
import { testCertificate } from '../certificates.ts'
import { createInbox } from '../inbox.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine, runLine } from './run-line.ts'

const freePorts = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }

/** What `run` needs besides, to leave nothing behind. */
const inMemory = { ...freePorts, CLOWN_DATA_FOLDER: '' }

t.test('without a command, and when asked, it says what it can do', async (t) => {
  for (const line of ['', 'help', '--help', '-h']) {
    const { output, code } = runLine(line)
    t.equal(await code, 0, line)
    const text = output.items.join('\n')
    t.match(text, /^Starting a hub\n {2}lab {2,}start a hub and .*\n {2}run {2,}start the hub/ms)
    t.notOk(output.items.some((item) => item.length > 88))
  }
})

t.test('help after a command, or before it, is about that command', async (t) => {
  for (const line of ['run --help', 'run -h', 'help run', '--help run', 'run --config x --help']) {
    const { output, code } = runLine(line)
    t.equal(await code, 0, line)
    t.match(output.items, [
      /^ {2}clown-hub run \[--config FILE\] \[--json\]\n {6}start the hub with/,
    ])
    t.equal(output.items.length, 1)
  }
  for (const line of ['user --help', 'help user']) {
    const { output, code } = runLine(line)
    t.equal(await code, 0, line)
    const names = output.items.map((text) => /clown-hub (user \w+)/.exec(text)?.[1])
    t.match(names, ['user add', 'user allow', 'user deny', 'user remove', 'user list'], line)
  }
  const userAdd = runLine('user add --help')
  t.equal(await userAdd.code, 0)
  t.match(userAdd.output.items, [/^ {2}clown-hub user add NAME /])
  const wrong = runLine('help rum')
  t.equal(await wrong.code, 1)
  t.match(wrong.errors.items, [/unknown command "rum": did you mean "run"\?/])
})

t.test('it says its version', async (t) => {
  const { output, code } = runLine('--version')
  t.equal(await code, 0)
  t.same(output.items, [readRelease().version])
})

t.test('a wrong command line is answered in one line, with exit code 1', async (t) => {
  const wrong: Record<string, RegExp> = {
    rnu: /^clown-hub: unknown command "rnu": did you mean "run"\? See clown-hub help$/,
    'lab --fast':
      /^clown-hub: Unknown option '--fast'; usage: clown-hub lab \[--house\] \[--dialects NAME=PORT,… \| none\] \[--json\]$/,
    'lab --dialetcs none':
      /^clown-hub: Unknown option '--dialetcs': did you mean --dialects\?; usage/,
    subscribe: /^clown-hub: unknown command "subscribe": did you mean "sub"\?/,
    run: /^clown-hub: expected clown-hub\.yaml in this folder, or .*: "clown-hub init" writes one$/,
    nonsense: /^clown-hub: unknown command "nonsense"\. See clown-hub help$/,
    'user rm': /^clown-hub: unknown command "user rm": it is one of user add, user allow, .*\. See/,
    'user ad':
      /^clown-hub: unknown command "user ad": did you mean "user add"\? See clown-hub help$/,
    user: /^clown-hub: unknown command "user": it is one of user add, .*, user remove, .*\. See clown-hub help$/,
    'acl tset a': /^clown-hub: unknown command "acl tset": did you mean "acl test"/,
    'check-config':
      /^clown-hub: expected a configuration file; usage: clown-hub check-config FILE \[--json\]$/,
    'check-config a.yaml b.yaml': /^clown-hub: expected one configuration file; usage: /,
    simulate: /^clown-hub: expected the URL of an MQTT broker; usage: /,
    'simulate --url mqtt://127.0.0.1:1': /^clown-hub: expected an MQTT broker at mqtt:\/\/127/,
  }
  for (const [line, expected] of Object.entries(wrong)) {
    const { errors, output, code } = runLine(line)
    t.equal(await code, 1, line)
    t.equal(errors.items.length, 1)
    t.match(errors.items[0], expected)
    t.same(output.items, [])
  }
})

/** What is printed of an error that printing the version meets. */
async function printedOf(thrown: Error): Promise<readonly string[]> {
  const errors = createInbox<string>()
  const code = await main(['--version'], {
    environment: {},
    stopped: Promise.resolve(),
    ignore: () => {},
    onReload: () => {},
    endOnDefect: () => {},
    input: Readable.from([]),
    screen: undefined,
    progress: () => {},
    write: async () => true,
    printError: errors.put,
    print: () => {
      throw thrown
    },
  })
  return [String(code), ...errors.items]
}

t.test('a defect is called one, in one line', async (t) => {
  t.same(await printedOf(new TypeError('out of paper\nat line 1')), [
    '1',
    'clown-hub: unexpected: out of paper; please report this as a defect',
  ])
})

t.test('of several errors at the end, the one that is no defect is told', async (t) => {
  const lost = new HubError('cannot-write-store', 'expected to write everything')
  const errors = new AggregateError([new TypeError('out of paper'), lost], 'not everything')
  t.same(await printedOf(errors), ['1', 'clown-hub: expected to write everything'])
})

t.test('lab starts a hub with a node, and ends both when told to', async (t) => {
  const { output, code, stop } = runLine('lab', {
    environment: { ...freePorts, CLOWN_HTTP_HOST: '::1' },
  })
  const http = await output.next((line) => line.includes('http://[::1]:'))
  stop()
  t.equal(await code, 0)
  const port = /:(\d+),/.exec(http)?.[1]
  await t.rejects(fetch(`http://[::1]:${port}/healthz`))
})

t.test('lab refuses to be seen by other machines', async (t) => {
  const tls = { CLOWN_TLS_CERT_FILE: 'tls.crt', CLOWN_TLS_KEY_FILE: 'tls.key' }
  for (const settings of [{ CLOWN_MQTT_HOST: '0.0.0.0' }, { ...tls, CLOWN_TLS_HOST: '0.0.0.0' }]) {
    const { errors, code } = runLine('lab', { environment: { ...freePorts, ...settings } })
    t.equal(await code, 1)
    t.match(errors.items, [/lab mode listens on loopback only, got 0\.0\.0\.0; use "clown-hub run/])
  }
})

t.test('run starts the configured hub, and check-config only reads it', async (t) => {
  const file = `${testFolder(t)}/hub.yaml`
  writePrivate(file, 'users: { a: { password: b } }\nlog: { level: silent }\n')
  const checked = runLine(`check-config ${file}`)
  t.equal(await checked.code, 0)
  t.same(checked.output.items, [`${file} is a valid configuration`])

  writePrivate(file, `${readFileSync(file)}limits: { process: { memoryShedMiB: 512 } }\n`)
  const renamed = /limits\.process\.memoryShedMiB is called limits\.memory\.mib now/
  t.match((await ranLine(`check-config ${file}`)).output, [/^warning: /, /valid/])
  t.match((await ranLine(`check-config ${file}`)).output[0], renamed)
  t.match((await ranLine(`doctor ${file}`)).output[0], renamed)

  const running = runLine(`run --config ${file} --json`, { environment: inMemory })
  const { output, errors, code, stop } = running
  const { httpPort, mqttPort } = JSON.parse(await output.next())
  t.match(mqttPort, Number)
  t.match(await (await fetch(`http://127.0.0.1:${httpPort}/healthz`)).json(), { status: 'ok' })
  t.match(errors.items, [/^warning: /])
  stop()
  t.equal(await code, 0)
})

t.test('run names the ports with TLS too', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const tls = `tls: { certFile: ${certFile}, keyFile: ${keyFile}, httpPort: 0, mqttPort: 0 }`
  const text = `users: { a: { password: b } }\nlog: { level: silent }\n${tls}\n`
  const file = `${testFolder(t)}/hub.yaml`
  writePrivate(file, text)
  const { output, code, stop } = runLine(`run --config ${file}`, { environment: inMemory })
  t.match(await output.next(), /MQTT port \d+, with TLS \d+ and \d+$/)
  stop()
  t.equal(await code, 0)
})

t.test('simulate is a node of a hub', async (t) => {
  const hub = await startedHub(t)
  const url = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
  const { output, code, stop } = runLine(`simulate --base nodes/bridge/7 --url ${url}`)
  t.equal(await output.next(), `nodes/bridge/7: connected to mqtt://127.0.0.1:${hub.mqttPort}`)
  stop()
  t.equal(await code, 0)
})

t.test('simulate takes its password from a file that others cannot read', async (t) => {
  const users = { bridge: { password: 'shelf 3', role: 'node', base: 'nodes/bridge/7' } } as const
  const hub = await startedHub(t, { users })
  const file = `${testFolder(t)}/password`
  writePrivate(file, 'shelf 3\n')
  const url = `mqtt://bridge@127.0.0.1:${hub.mqttPort}`
  const line = `simulate --base nodes/bridge/7 --url ${url} --password-file ${file}`
  const { output, code, stop } = runLine(line)
  t.match(await output.next(), /^nodes\/bridge\/7: connected to /)
  stop()
  t.equal(await code, 0)
  t.same(hub.counters()['right-missing'], undefined)
  chmodSync(file, 0o644)
  const refused = runLine(line)
  t.equal(await refused.code, 1)
  t.match(refused.errors.items, [/got mode 0644: chmod 600/])
})
