import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const program = fileURLToPath(new URL('./persistence-main.ts', import.meta.url))
const loader = import.meta.resolve('../loader/register.mjs')

/**
 * These ask a persistence for what waits for a client and for what a client has begun at QoS 2. The
 * sessions of the hub own both and are never asked for it by Aedes, so nothing answers them here;
 * test/bus/session-store.test.ts and its neighbours show the same on the wire.
 */
const ownedBySessions = [
  'add outgoing packet and stream it',
  'add outgoing packet for multiple subs and stream to all',
  'add outgoing packet as a string and pump',
  'add outgoing packet as a string and stream',
  'add outgoing packet and stream it twice',
  'add outgoing packet and update messageId',
  'add 2 outgoing packet and clear messageId',
  'add many outgoing packets and clear messageIds',
  'update to publish w/ same messageId',
  'update to pubrel',
  'add incoming packet, get it, and clear with messageId',
  'clean incoming packets',
]

t.test('what the broker keeps passes the tests of aedes-persistence that concern it', async (t) => {
  const args = ['--import', loader, '--test', '--test-reporter=tap', program]
  // By the loader of the tests, so that what is covered adds up with theirs. Its end says that some failed; which ones, its output.
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, (_error, stdout) => resolve(stdout))
  })
  const results = [...output.matchAll(/^(not ok|ok) \d+ - (.*)$/gm)]
  const failing = results.filter(([, result]) => result === 'not ok').map(([, , name]) => name)
  t.equal(results.length, 50)
  t.same(failing, ownedBySessions)
})
