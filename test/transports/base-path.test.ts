import t from 'tap'
import { baseOfPath } from '../../src/transports/base-path.ts'

t.test('a path names a base in the old and in the plain spelling', async (t) => {
  t.equal(baseOfPath('/auth/clown-talk-server_nodes_bridge_0'), 'nodes/bridge/0')
  t.equal(baseOfPath('/talk/nodes/bridge/0'), 'nodes/bridge/0')
  t.equal(baseOfPath('/talk/my_lab/bridge'), 'my_lab/bridge')
  t.equal(baseOfPath('/talk/pokoj%20%C4%8D/1'), 'pokoj č/1')
  t.equal(baseOfPath('/talk'), '')
})

t.test('F14, F20: a path that names no base is not taken', async (t) => {
  const others = [
    '/',
    '/talk/',
    '/talkative',
    '/talk/a//b',
    '/talk/a/',
    '/talk/a/+',
    '/talk/%23',
    '/talk/$SYS',
    '/talk/%24share/g/x',
    '/talk/relay/%2B/set',
    '/talk/a%0d%0ab',
    '/talk/%ef%bb%bfa',
    '/talk/%c0%af',
    '/talk/%ed%a0%80',
    `/talk/${'a/'.repeat(16)}a`,
    '/talk/a%2Fb',
    '/talk/%ff',
    '/talk/%',
    '/talk/a%00b',
    `/talk/${'a'.repeat(300)}`,
    '/auth/',
    '/auth/clown-talk-server',
    '/auth/clown-talk-server_',
    '/auth/clown-talk-server__a',
    '/auth/clown-talk-server_a/b',
    '/auth/other_a',
    '/x/talk/a',
  ]
  for (const path of others) t.equal(baseOfPath(path), undefined, path)
})
