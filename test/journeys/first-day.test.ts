import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createInbox } from '../inbox.ts'
import { program } from './started-lab.ts'

const wrapper = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`

/** Runs a script of a shell that knows the built `clown-hub`, in an empty folder. */
function shell(t: Test, script: string) {
  const folders = t.testdir({ home: {}, bin: { 'clown-hub': wrapper } })
  chmodSync(join(folders, 'bin/clown-hub'), 0o755)
  const ports = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const path = `${folders}/bin${delimiter}${process.env['PATH']}`
  const child = spawn('sh', ['-c', script], {
    cwd: join(folders, 'home'),
    detached: true,
    env: { ...process.env, ...ports, PATH: path },
  })
  const ended = once(child, 'close').then(([code]) => code)
  const end = async (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal)
    return ended
  }
  t.teardown(() => end('SIGKILL'))
  return { child, ended, end }
}

t.test('init and run make a hub, without a line of configuration written by hand', async (t) => {
  const { child, end } = shell(t, 'clown-hub init && clown-hub run')
  const lines = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', lines.put)
  await lines.next((line) => line.startsWith('password: '))
  const listens = await lines.next((line) => line.startsWith('Clown.Hub listens'))
  const port = /HTTP port (\d+)/.exec(listens)?.[1]
  t.match(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json(), { status: 'ok' })
  await end('SIGTERM')
})

t.test('users are set up in a script, whose passwords come through a pipe', async (t) => {
  const { child, ended } = shell(
    t,
    `set -e
    clown-hub init >/dev/null
    echo 'tr0ub4dor&3' | clown-hub user add bob --role operator --stdin
    clown-hub user token bob --label shelf | grep -c '^token: ch_'
    clown-hub user list
    if clown-hub acl test bob command nodes/bridge/0/relay/0/set; then echo may; fi
    clown-hub acl test bob retain a || echo "code $?"
    clown-hub doctor
    clown-hub user remove bob
    chmod 644 users.yaml
    clown-hub doctor || echo "code $?"`,
  )
  t.equal(
    await text(child.stdout),
    `bob is in users.yaml now, operator
1
admin: admin, password
bob: operator, password, token shelf
allowed: role operator allows command on #
may
denied: no rule allows retain on a
code 2
nothing to mend was found
bob is not in users.yaml any more
expected "users.yaml" to be for its owner only, since it holds secrets, got mode 0644: chmod 600 users.yaml
code 1
`,
  )
  t.equal(await ended, 0)
})
