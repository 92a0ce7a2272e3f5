import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { writePrivate } from '../access/users.ts'
import { atLength } from '../full-length.ts'
import { createInbox } from '../inbox.ts'
import { type LonelyNetwork, lonelyNetwork } from '../journeys/lonely-network.ts'
import { skipMissing } from '../missing.ts'
import { requireProgram } from '../programs.ts'
import { base, relay } from '../shown-states.ts'
import { testFolder } from '../test-folder.ts'

const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
const hubAddress = '10.77.0.1'
const mac = '02:00:00:00:00:02'

interface Wire {
  /** Nothing goes through it any more, and nobody is told. */
  cut(): void
  mend(): void
}

/** A wire between two networks; undefined where none can be made. */
function wireBetween(t: Test, one: LonelyNetwork, other: LonelyNetwork): Wire | undefined {
  const run = ({ prefix }: LonelyNetwork, words: string) => {
    const [command = '', ...args] = [...prefix, 'ip', ...words.split(' ')]
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  try {
    run(one, `link add wire type veth peer name wire address ${mac} netns ${other.prefix[2]}`)
  } catch {
    skipMissing(t, 'needs the right to put a wire between two network namespaces')
    return undefined
  }
  run(one, `addr add ${hubAddress}/24 dev wire`)
  run(other, 'addr add 10.77.0.2/24 dev wire')
  const cut = () => run(other, 'link set wire down')
  const mend = () => run(other, 'link set wire up')
  run(one, 'link set wire up')
  mend()
  // Else what is sent meanwhile would wait for up to 3 s until the system knows the other end.
  run(one, `neigh add 10.77.0.2 lladdr ${mac} dev wire nud permanent`)
  return { cut, mend }
}

/** Runs a program in `network` until the test ends; returns what it says, line by line. */
function running(t: Test, { prefix }: LonelyNetwork, words: readonly string[]) {
  const [command = '', ...args] = [...prefix, ...words]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', lines.put)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { lines, ended }
}

t.test(
  'F35: a command that met a dead wire does not arrive when the wire is whole again',
  async (t) => {
    if (atLength(1, 0) === 0) {
      t.pass('it takes ten seconds', { skip: 'at full length only' })
      return
    }
    if (requireProgram(t, 'mosquitto_sub') === undefined) return
    const [house, garden] = [await lonelyNetwork(t), await lonelyNetwork(t)]
    if (house === undefined || garden === undefined) return
    const wire = wireBetween(t, house, garden)
    if (wire === undefined) return
    const configFile = join(testFolder(t), 'clown-hub.yaml')
    const users = {
      clown: { password: 'bigclown', role: 'admin' },
      bridge: { password: 'three', role: 'node', base },
    }
    const config = {
      http: { port: 8080 },
      mqtt: { port: 1883, host: '0.0.0.0' },
      users,
      data: { folder: '' },
      log: { level: 'error' },
    }
    writePrivate(configFile, JSON.stringify(config))
    const hub = running(t, house, [process.execPath, program, 'run', '--config', configFile])
    await hub.lines.next((line) => line.includes('listens'))

    const asBoard = `-h ${hubAddress} -u bridge -P three -i board -k 5 -q 1 -t ${base}/relay/+/set -F %p`
    const board = running(t, garden, ['mosquitto_sub', ...asBoard.split(' ')])
    const set = (value: string) => {
      const url = 'http://clown:bigclown@127.0.0.1:8080'
      const words = ['set', 'relay/i2c0-3b', value, '--timeout', '1s', '--url', url]
      return running(t, house, [process.execPath, program, ...words]).ended
    }
    /** Until the board is there, and hears it. */
    const offUntilHeard = async () => {
      const heard = board.lines.items.length
      while (board.lines.items.length === heard) await set('off')
    }
    await offUntilHeard()
    wire.cut()
    t.equal(await set('on'), 3)
    wire.mend()
    // It finds out that its connection is gone, and comes back.
    await offUntilHeard()
    t.notOk(board.lines.items.includes('{"state":true}'), `${relay} was never switched on`)
  },
)
