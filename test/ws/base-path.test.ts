import t from 'tap'
import { baseOfPath } from '../../src/ws/base-path.ts'
import { hardTopics } from '../topics.ts'

t.test('a path names a base in the old and in the plain spelling', async (t) => {
  t.equal(baseOfPath('/auth/clown-talk-server_nodes_bridge_0'), 'nodes/bridge/0')
  t.equal(baseOfPath('/talk/nodes/bridge/0'), 'nodes/bridge/0')
  t.equal(baseOfPath('/talk/my_lab/bridge'), 'my_lab/bridge')
  t.equal(baseOfPath('/talk/pokoj%20%C4%8D/1'), 'pokoj č/1')
  t.equal(baseOfPath('/talk'), '')
  t.equal(baseOfPath('/talk//devices/x'), '/devices/x')
  t.equal(baseOfPath('/talk/a/'), 'a/')
  t.equal(baseOfPath('/auth/clown-talk-server__devices_wb%5F6'), '/devices/wb_6')
})

t.test('percent-encoding says any base', async (t) => {
  for (const topic of [...hardTopics, 'a/../b', '.', 'a_b', '100%']) {
    const encoded = encodeURIComponent(topic)
    t.equal(baseOfPath(`/talk/${encoded}`), topic)
    t.equal(baseOfPath(`/auth/clown-talk-server_${encoded.replaceAll('_', '%5F')}`), topic)
    t.equal(baseOfPath(`/talk/${topic.split('/').map(encodeURIComponent).join('/')}`), topic)
  }
})

t.test('F14, F20: a path that names no base is not taken', async (t) => {
  const others = [
    '/',
    '/talk/',
    '/talkative',
    '/talk/a/+',
    '/talk/%23',
    '/talk/$SYS',
    '/talk/%24share/g/x',
    '/talk/relay/%2B/set',
    '/talk/a%0d%0ab',
    '/talk/%c0%af',
    '/talk/%ed%a0%80',
    `/talk/${'a/'.repeat(100)}a`,
    '/talk/%ff',
    '/talk/%',
    '/talk/a%00b',
    `/talk/${'a'.repeat(65_001)}`,
    '/auth/',
    '/auth/clown-talk-server',
    '/auth/clown-talk-server_',
    '/auth/clown-talk-server_a/b',
    '/auth/other_a',
    '/x/talk/a',
  ]
  for (const path of others) t.equal(baseOfPath(path), undefined, path)
})
