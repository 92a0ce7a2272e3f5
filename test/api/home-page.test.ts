import t from 'tap'
import { startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

t.test('the first page says who is signed in, and how to get out of it', async (t) => {
  const { httpPort } = await startedHub(t, {
    users: { '<b>': { password: 'bigclown' } },
    http: { port: 0, hosts: ['hub.local'], trustProxy: ['127.0.0.1'], pathPrefix: '/hub' },
  })
  const read = async (headers: Record<string, string> = {}) =>
    (await fetch(`http://127.0.0.1:${httpPort}/`, { headers })).text()
  const anybody = await read()
  t.match(anybody, 'You are not signed in.')
  t.match(anybody, `ws://127.0.0.1:${httpPort}/hub/talk/nodes/bridge/0`)
  const known = await read(basic('<b>', 'bigclown'))
  t.match(known, 'Signed in as <strong>&#60;b&#62;</strong></p>')
  t.match(known, 'Close the browser to sign out.')
  t.notMatch(known, '<form')
  const secure = await read({ 'X-Forwarded-Proto': 'https' })
  t.match(secure, `wss://127.0.0.1:${httpPort}/hub/mqtt`)
})

t.test(
  'all pages load nothing but their own style and icon, and send no address elsewhere',
  async (t) => {
    const { httpPort } = await startedHub(t)
    for (const path of ['', 'login']) {
      const page = await fetch(`http://127.0.0.1:${httpPort}/${path}`)
      t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
      t.equal(page.headers.get('referrer-policy'), 'same-origin')
      t.match(page.headers.get('content-security-policy'), /^default-src 'self'/)
      t.notMatch(await page.text(), /<script|style=|(href|src|action)="(\/|[a-z]+:)/)
    }
    for (const [path, type] of [
      ['hub.css', 'text/css'],
      ['hub.svg', 'image/svg+xml'],
    ]) {
      const file = await fetch(`http://127.0.0.1:${httpPort}/${path}`)
      t.equal(file.headers.get('content-type'), `${type}; charset=utf-8`)
    }
  },
)
