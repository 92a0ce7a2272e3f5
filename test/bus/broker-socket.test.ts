import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { openSocket } from '../../src/bus/foreign/broker-socket.ts'
import { resetConnection } from '../../src/core/reset.ts'
import { testCertificate } from '../certificates.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import { installed, requireNamespaces } from '../programs.ts'

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' })

/** Says what it hears on each connection, by TLS, too. */
const listening = `
const { readFileSync } = require('node:fs')
const [, certFile, keyFile] = process.argv
const listen = (socket) => {
  socket.on('error', () => {})
  socket.on('data', (bytes) => console.log(String(bytes.subarray(0, 20)).trim()))
}
require('node:net').createServer(listen).listen(1883)
const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
require('node:tls').createServer(files, listen).listen(8883, () => console.log('ready'))
`

interface OtherMachine {
  readonly host: string
  readonly caFile: string
  readonly heard: Inbox<string>
  /** Pulls the cable to it, and puts it in again. */
  cut(): void
  mend(): void
}

/** Another machine, at the other end of a cable: a network namespace with a program that listens. */
async function otherMachine(t: Test): Promise<OtherMachine> {
  const [space, near, net] = [
    `clown-${process.pid}`,
    `cs${process.pid}`,
    `10.233.${process.pid % 256}`,
  ]
  ip('netns', 'add', space)
  t.teardown(() => ip('netns', 'delete', space))
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', 'far', 'netns', space)
  ip('address', 'add', `${net}.1/24`, 'dev', near)
  ip('-n', space, 'address', 'add', `${net}.2/24`, 'dev', 'far')
  const turn = (state: string) => ip('-n', space, 'link', 'set', 'far', state)
  ip('link', 'set', near, 'up')
  turn('up')
  // Else what is sent while nobody answers for the address waits for that, up to 3 s, and no longer in a connection.
  ip('-n', space, 'link', 'set', 'far', 'address', '02:00:00:00:00:02')
  const neighbour = ['neighbour', 'replace', `${net}.2`, 'lladdr', '02:00:00:00:00:02']
  ip(...neighbour, 'dev', near, 'nud', 'permanent')
  const { certFile, keyFile } = await testCertificate(t, [`${net}.2`])
  const command = ['netns', 'exec', space, process.execPath, '-e', listening, certFile, keyFile]
  const child = spawn(installed('ip'), command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.teardown(() => {
    child.kill()
    return closed
  })
  const heard = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', heard.put)
  await heard.next((line) => line === 'ready')
  const [cut, mend] = [() => turn('down'), () => turn('up')]
  return { host: `${net}.2`, caFile: certFile, heard, cut, mend }
}

t.test('F68: what was sent into a cut cable, and then reset, never arrives', async (t) => {
  if (!requireNamespaces(t)) return
  const { host, caFile, heard, cut, mend } = await otherMachine(t)
  const connected = async (name: string, protocol: string) => {
    const address = { url: `${protocol}://${host}`, tls: { caFile } }
    const opened = openSocket({ address, place: 'bus' })
    t.teardown(() => opened.stream.destroy())
    opened.stream.on('error', () => {})
    opened.stream.write(`${name} early\n`)
    await heard.next((line) => line === `${name} early`)
    return opened
  }
  const plain = await connected('plain', 'mqtt')
  const secure = await connected('secure', 'mqtts')
  const polite = await connected('polite', 'mqtt')
  cut()
  plain.stream.write('plain late\n')
  secure.stream.write('secure late\n')
  // More than the system takes: Node.js holds the rest, and closes without waiting for it, too.
  for (const { stream } of [plain, secure]) stream.write(Buffer.alloc(8 * 1_048_576))
  polite.stream.write('polite late\n')
  for (const { socket } of [plain, secure]) resetConnection(socket)
  polite.stream.destroy()
  mend()
  // What the system is left to send comes behind the cut, though its connection is closed here.
  await heard.next((line) => line === 'polite late')
  await connected('next', 'mqtt')
  t.same(heard.items.slice(-2), ['polite late', 'next early'])
  t.notOk(heard.items.some((line) => ['plain late', 'secure late'].includes(line)))
})
