import t from 'tap'
import { byNode } from '../../../src/nodes/served/by-node.ts'
import { deviceNamed } from '../../dialects/seen-device.ts'

t.test('nodes are told apart by their numbers, and come as their first devices do', async (t) => {
  const other = deviceNamed(5, 'led/-', { nodeNumber: 4, base: 'nodes/bridge/1' })
  const nodes = byNode([deviceNamed(2, 'relay/a'), other, deviceNamed(3, 'relay/b')])
  t.same(
    nodes.map((node) => node.map(({ number }) => number)),
    [[2, 3], [5]],
  )
  t.same(byNode([]), [])
})
