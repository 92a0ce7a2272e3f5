import t from 'tap'
import { placeOf } from '../../client/place.ts'

t.test('the address of a hub is understood in every spelling', async (t) => {
  for (const [url, talk, home] of [
    ['http://hub.local:8080', 'ws://hub.local:8080/talk', 'http://hub.local:8080/'],
    ['https://hub.local/hub', 'wss://hub.local/hub/talk', 'https://hub.local/hub/'],
    ['https://hub.local/hub/', 'wss://hub.local/hub/talk', 'https://hub.local/hub/'],
    ['ws://h/talk', 'ws://h/talk', 'http://h/'],
    ['wss://h/a/talk/nodes/talk/0?x#y', 'wss://h/a/talk/nodes/talk/0', 'https://h/a/'],
    ['http://h/auth/clown-talk-server_a_b', 'ws://h/auth/clown-talk-server_a_b', 'http://h/'],
  ] as const) {
    const place = placeOf(url)
    t.equal(place.talk.href, talk)
    t.equal(place.home.href, home)
    t.equal(place.credentials, undefined)
  }
  t.same(placeOf('http://cl%C3%B6wn:a%40b@h').credentials, { user: 'clöwn', password: 'a@b' })
})

t.test('in a page an address may be relative', async (t) => {
  const page = { value: 'https://h/hub/page.html', configurable: true }
  Object.defineProperty(globalThis, 'location', page)
  t.teardown(() => Reflect.deleteProperty(globalThis, 'location'))
  t.equal(placeOf('.').talk.href, 'wss://h/hub/talk')
  t.equal(placeOf('talk/nodes/bridge/0').home.href, 'https://h/hub/')
  const options = Object({ user: 'clown' })
  for (const url of ['127.0.0.1:8080', '[::1]:8080', options]) {
    t.throws(() => placeOf(url), { name: 'TypeError', message: /^expected a URL that begins/ })
  }
})
