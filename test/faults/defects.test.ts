import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { everybody } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

t.test(
  'F59: what nobody has caught ends the hub once, with a line that says what it was',
  async (t) => {
    const config = { http: { port: 0 }, mqtt: { port: 0 }, users: everybody }
    const file = `${testFolder(t, { 'hub.json': JSON.stringify(config) })}/hub.json`
    const broken = `setTimeout(() => { throw new TypeError('out of paper') }, 2000)`
    const child = spawn(
      'sh',
      ['-c', 'chmod 600 "$3"; exec "$0" "$1" "$2" run --config "$3"', process.execPath].concat(
        `--import=data:text/javascript,${encodeURIComponent(broken)}`,
        program,
        file,
      ),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    t.teardown(() => child.kill('SIGKILL'))
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    t.equal(code, 1)
    const fatal = errors
      .split('\n')
      .filter((line) => line.includes('"level":60'))
      .map((line) => JSON.parse(line))
    t.match(fatal, [
      { msg: 'a defect ends the hub', err: { message: 'out of paper', stack: /at / } },
    ])
  },
)
