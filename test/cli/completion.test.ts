import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import t from 'tap'
import { writePrivate } from '../access/users.ts'
import { requireProgram } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine } from './run-line.ts'

const base = 'nodes/bridge/0'
const topics = [`${base}/relay/i2c0-3b`, `${base}/led/-`, 'home/kitchen/lamp', 'a b', 'x/$(id)']

t.test('words are completed from commands, options, and what the hub has', async (t) => {
  const devices = topics.map((topic) => ({ topic }))
  const { url } = await answeringHub(t, { status: 200, body: { nodes: [{ devices }, {}] } })
  const environment = { CLOWN_HUB_URL: url }
  const completed = async (words: string) =>
    (await ranLine(`completion -- ${words}`, { environment })).output
  t.same(await completed('us'), ['user'])
  t.ok((await completed('')).includes('doctor'))
  t.same(await completed('user tok'), ['token'])
  t.same(await completed('user add --ro'), ['--role'])
  t.same(await completed('set '), ['relay/i2c0-3b', 'led/-', 'home/kitchen/lamp'])
  t.same(await completed('set relay/i2c0-3b o'), ['on', 'off'])
  t.same(await completed('set --timeout 5 relay/i2'), ['relay/i2c0-3b'])
  t.same(await completed('set --timeout '), [])
  t.same(await completed('sub -v home/'), ['home/kitchen/lamp'])
  t.same(await completed('sub a b home/'), ['home/kitchen/lamp'])
  t.same(await completed('lock led/- x'), [])
  t.same(await completed('completion z'), ['zsh'])
  t.same(await completed('ban add u'), ['user'])
  t.same(await completed('nonsense x'), [])
})

t.test('a hub that does not answer, or is not there, keeps nobody waiting', async (t) => {
  const silent = await listening(t, createServer())
  for (const port of [silent, 1]) {
    const environment = { CLOWN_HUB_URL: `http://a:b@127.0.0.1:${port}` }
    const start = performance.now()
    t.same((await ranLine('completion -- get re', { environment })).output, [])
    t.ok(performance.now() - start < 1000)
  }
})

t.test('hubs are completed from the logins', async (t) => {
  const environment = { XDG_CONFIG_HOME: testFolder(t) }
  mkdirSync(`${environment.XDG_CONFIG_HOME}/clown-hub`)
  const login = { url: 'http://hub:8080', user: 'a', password: 'b' }
  writePrivate(`${environment.XDG_CONFIG_HOME}/clown-hub/logins.json`, JSON.stringify([login]))
  t.same((await ranLine('completion -- get --url h', { environment })).output, ['http://hub:8080'])
})

t.test('each shell has its script, and bash takes it', async (t) => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    t.match((await ranLine(`completion ${shell}`)).output.join(), /clown-hub completion -- /)
  }
  t.match((await ranLine('completion tcsh')).errors, [/expected bash, zsh or fish, got "tcsh"/])
  t.match((await ranLine('completion')).errors, [/expected bash, zsh or fish, got ""/])
  t.match((await ranLine('completion --bahs')).errors, [/Unknown option/])
  const bash = requireProgram(t, 'bash')
  if (bash === undefined) return
  const script = (await ranLine('completion bash')).output.join('\n')
  const typed = `COMP_WORDS=(clown-hub set rel); COMP_CWORD=2; _clown_hub; echo "\${COMPREPLY[@]}"`
  const program = 'clown-hub() { printf "%s|" "$@"; }'
  const found = execFileSync(bash, ['-c', `${program}; ${script}\n${typed}`], { encoding: 'utf8' })
  t.equal(found, 'completion|--|set|rel|\n')
})
