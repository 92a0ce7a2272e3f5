import t, { type Test } from 'tap'
import { base, command, relay } from '../shown-states.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { crashingHub } from './crashing-hub.ts'

function nodeOf(t: Test, hub: HubPorts) {
  return mqttTo(t, hub, { filter: `${base}/+/+/set` })
}

const stallMs = 1500

t.test(
  'F38: a hub that stood still reads what its node said before it gives a command up',
  async (t) => {
    const hub = crashingHub(t, testFolder(t))
    const ports = await hub.start()
    const node = await nodeOf(t, ports)
    const asked = command(ports, { timeoutSeconds: 1 })
    await node.on(`${relay}/set`)
    process.kill(ports.pid, 'SIGSTOP')
    node.client.publish(relay, '{"state":true}')
    await new Promise((resolve) => setTimeout(resolve, stallMs))
    process.kill(ports.pid, 'SIGCONT')
    t.match(await asked, { status: 200, body: { receipt: 'confirmed' } })
  },
)

t.test('F39: a hub that ends tells everybody what became of what they asked for', async (t) => {
  const hub = await startedHub(t)
  const node = await nodeOf(t, hub)
  const watcher = await mqttTo(t, hub, { filter: '$SYS/hub/commands/#' })
  const page = await talkTo(t, hub)
  const receipts: unknown[] = []
  page.websocket.on('message', (line) => {
    const [, { receipt }, options] = JSON.parse(String(line))
    if (options?.id === 'page') receipts.push(receipt)
  })
  page.send('relay/page/set', { state: true }, { id: 'page' })
  await node.on(`${base}/relay/page/set`)
  const asked = command(hub, { timeoutSeconds: 60 })
  await node.on(`${relay}/set`)
  await hub.close()
  t.match(await asked, { status: 500, body: { receipt: 'unknown', final: true } })
  t.same(receipts, ['accepted', 'sent', 'unknown'])
  const ends = watcher.messages.items
    .map(({ payload }) => JSON.parse(String(payload)))
    .filter(({ final }) => final)
  t.same(
    ends.map(({ receipt }) => receipt),
    ['unknown', 'unknown'],
  )
})
