import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { writePrivate } from '../access/users.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine, runLine, screen } from './run-line.ts'

t.test('who has logged in is known to all commands, until they log out', async (t) => {
  const hub = await startedHub(t)
  const other = await startedHub(t)
  const environment = { HOME: testFolder(t) }
  const url = `http://127.0.0.1:${hub.httpPort}`
  const typed = new PassThrough()
  const login = runLine(`login ${url.replace('//', '//clown@')}`, {
    ...{ environment, screen, input: typed },
  })
  typed.write('bigclown\n')
  t.equal(await login.code, 0)
  const file = `${environment.HOME}/.config/clown-hub/logins.json`
  t.same(login.output.items.at(-1)?.startsWith(`logged in to ${url} as clown: `), true)
  t.notMatch(login.output.items.join(), /bigclown/)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same((await ranLine('nodes', { environment })).output, ['no nodes yet'])

  const otherUrl = `http://127.0.0.1:${other.httpPort}`
  const line = `login ${otherUrl.replace('//', '//clown:bigclown@')} --json`
  const answer = JSON.stringify({ url: otherUrl, user: 'clown', file })
  t.same(await ranLine(line, { environment }), { code: 0, output: [answer], errors: [] })
  t.match(JSON.parse(readFileSync(file, 'utf8')), [{ url: otherUrl }, { url }])
  for (const address of [url, url.replace('//', '//clown@')]) {
    t.equal((await ranLine(`nodes --url ${address}`, { environment })).code, 0)
  }
  t.match((await ranLine(`nodes --url ${url.replace('//', '//ann@')}`, { environment })).errors, [
    /expected a user and a password/,
  ])

  t.same((await ranLine('logout', { environment })).output, [`logged out of ${otherUrl}`])
  t.same((await ranLine(`logout ${url} --json`, { environment })).output, [JSON.stringify({ url })])
  t.match((await ranLine('logout', { environment })).errors, [
    /expected a login to a hub, got none/,
  ])
  t.match((await ranLine(`logout ${url}`, { environment })).errors, [/expected a login to http/])
  t.match((await ranLine(`logout ${url} b`, { environment })).errors, [/expected one URL/])
})

t.test('a login that the hub does not know is not kept', async (t) => {
  const hub = await startedHub(t)
  const environment = { XDG_CONFIG_HOME: testFolder(t) }
  const line = `login http://clown@127.0.0.1:${hub.httpPort}`
  const refused = await ranLine(line, { environment, input: 'wrong\n' })
  t.match(refused, { code: 1, errors: [/got a refusal of the user name or password/] })
  t.match(await ranLine(line, { environment }), { code: 1, errors: [/expected a password on/] })
  const nobody = await ranLine(line.replace('clown@', ''), { environment })
  t.match(nobody.errors, [/^clown-hub: expected a user in the URL, http:\/\/USER@HOST:PORT; usage/])
  t.match((await ranLine('logout', { environment })).code, 1)
  const nowhere = await ranLine(line, { input: 'bigclown\n' })
  t.match(nowhere.errors, [/expected the variable HOME to name a folder, got none/])

  const typed = new PassThrough()
  const asked = runLine(line, { environment, screen, input: typed })
  typed.write('\u0003')
  t.equal(await asked.code, 130)
  const late = runLine(line, { environment, input: 'bigclown\n' })
  late.stop()
  t.equal(await late.code, 130)
})

t.test('a file of logins that others can read, or that is none, is not used', async (t) => {
  const environment = { XDG_CONFIG_HOME: testFolder(t) }
  const file = `${environment.XDG_CONFIG_HOME}/clown-hub/logins.json`
  mkdirSync(`${environment.XDG_CONFIG_HOME}/clown-hub`)
  for (const text of ['{}', '[{"url":1}]', 'nothing']) {
    writePrivate(file, text)
    t.match((await ranLine('nodes', { environment })).errors, [/remove that file$/])
  }
  writePrivate(file, '[]')
  chmodSync(file, 0o644)
  t.match((await ranLine('nodes', { environment })).errors, [/chmod 600/])
})
