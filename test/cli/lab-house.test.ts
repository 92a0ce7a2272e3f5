import t from 'tap'
import { runLine } from './run-line.ts'

const environment = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }

interface KnownNode {
  readonly base: string
  readonly devices: readonly {
    readonly name: string
    readonly kind: string
    readonly room?: string
  }[]
}

t.test('a house has five rooms, with devices of every convention', async (t) => {
  const { output, code, stop } = runLine('lab --house --dialects none', { environment })
  const port = /:(\d+)/.exec(await output.next((line) => line.includes('http://')))?.[1]
  await output.next((line) => line.includes('a house of five rooms below devices'))
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const look = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/nodes`, { headers })
    const { nodes } = (await answer.json()) as { nodes: KnownNode[] }
    return nodes.filter(({ base }) => base.startsWith('devices/'))
  }
  const roomsIn = (nodes: readonly KnownNode[]) => {
    return new Set(nodes.flatMap(({ devices }) => devices.flatMap(({ room }) => room ?? [])))
  }
  let nodes = await look()
  const outdoors = (each: KnownNode) => each.base.startsWith('devices/rtl_433/')
  const isDone = () => {
    const indoors = nodes.filter((each) => !outdoors(each))
    return indoors.length === 17 && indoors.every(({ devices }) => devices.some(({ room }) => room))
  }
  for (let looks = 0; looks < 2000 && !isDone(); looks++) nodes = await look()
  t.same([...roomsIn(nodes)].sort(), ['Bathroom', 'Bedroom', 'Hall', 'Kitchen', 'Living room'])
  t.equal(new Set(nodes.map(({ base }) => base.split('/')[1])).size, 10)
  const kinds = new Set(nodes.flatMap(({ devices }) => devices.map(({ kind }) => kind)))
  for (const kind of ['relay', 'light', 'cover', 'climate', 'fan', 'sensor'])
    t.ok(kinds.has(kind), kind)
  stop()
  t.equal(await code, 0)
})

t.test('whoever ends it at once does not wait until it is furnished', async (t) => {
  const { output, code, stop } = runLine('lab --house --dialects none', { environment })
  await output.next((line) => line.includes('Ctrl-C ends it'))
  stop()
  t.equal(await code, 0)
})
