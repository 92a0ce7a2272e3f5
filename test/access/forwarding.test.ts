import t from 'tap'
import { createForwarding, type ForwardableRequest } from '../../src/access/forwarding.ts'

function requestFrom(
  remoteAddress: string | undefined,
  headers: ForwardableRequest['headers'] = {},
): ForwardableRequest {
  return { headers, socket: { remoteAddress } }
}

t.test('the client is the last address that is no proxy of ours', async (t) => {
  const { clientAddress } = createForwarding(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
  const expected: [from: string | undefined, forwardedFor: string | undefined, client: string][] = [
    ['192.0.2.1', undefined, '192.0.2.1'],
    ['192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['127.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['::ffff:127.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
    ['127.0.0.1', '1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['127.0.0.1', '1.1.1.1,198.51.100.7 , 10.1.2.3', '198.51.100.7'],
    ['127.0.0.1', '10.1.2.3, 10.3.2.1', '10.1.2.3'],
    ['fd00::1', '2001:db8::7', '2001:db8::7'],
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['127.0.0.1', '', '127.0.0.1'],
    ['127.0.0.1', 'unknown', '127.0.0.1'],
    ['127.0.0.1', '198.51.100.7, _hidden', '127.0.0.1'],
    ['127.0.0.1', '198.51.100.7, 10.1.2.3:4711', '198.51.100.7'],
    ['127.0.0.1', '198.51.100.7:4711, 10.1.2.3', '198.51.100.7'],
    ['127.0.0.1', '[2001:db8::7]:4711, [fd00::2]', '2001:db8::7'],
    ['127.0.0.1', '2001:db8::7:4711', '2001:db8::7:4711'],
    ['127.0.0.1', '[::ffff:198.51.100.7]:80', '198.51.100.7'],
    ['127.0.0.1', '198.51.100.7:port', '127.0.0.1'],
    ['127.0.0.1', '[198.51.100.7', '127.0.0.1'],
    [undefined, '198.51.100.7', 'unknown'],
  ]
  for (const [from, forwardedFor, client] of expected) {
    const request = requestFrom(from, { 'x-forwarded-for': forwardedFor })
    t.equal(clientAddress(request), client, `${from}: ${forwardedFor}`)
  }
})

t.test('nobody is trusted unless named', async (t) => {
  const none = createForwarding([])
  t.notOk(none.isProxy('127.0.0.1'))
  const headers = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https' }
  t.equal(none.clientAddress(requestFrom('127.0.0.1', headers)), '127.0.0.1')
  t.notOk(none.isSecure(requestFrom('127.0.0.1', headers)))
  const some = createForwarding(['172.16.0.0/12', '::1'])
  for (const address of ['172.16.0.1', '172.31.255.255', '::ffff:172.20.0.1', '::1']) {
    t.ok(some.isProxy(address), address)
  }
  for (const address of ['172.32.0.1', '127.0.0.1', '::2', 'fe80::1%eth0', 'unknown', undefined]) {
    t.notOk(some.isProxy(address), String(address))
  }
})

t.test('a request is secure when it came by TLS, to us or to a proxy of ours', async (t) => {
  const { isSecure } = createForwarding(['127.0.0.1'])
  const from = (remoteAddress: string, proto?: string): ForwardableRequest =>
    requestFrom(remoteAddress, { 'x-forwarded-proto': proto })
  t.ok(isSecure(from('127.0.0.1', 'https')))
  t.ok(isSecure(from('127.0.0.1', 'HTTPS')))
  t.ok(isSecure(from('127.0.0.1', 'http, https')), 'the one next to us has the word')
  t.notOk(isSecure(from('127.0.0.1', 'https, http')))
  t.notOk(isSecure(from('127.0.0.1')))
  t.notOk(isSecure(from('192.0.2.1', 'https')))
  const byTls = { remoteAddress: '127.0.0.1', encrypted: true }
  t.ok(isSecure({ headers: {}, socket: byTls }))
  t.notOk(isSecure({ headers: { 'x-forwarded-proto': 'http' }, socket: byTls }))
})

t.test('what is no address and no network is refused', async (t) => {
  for (const wrong of ['', 'proxy', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/8/8x', '::/129', '1/8']) {
    t.throws(() => createForwarding([wrong]), {
      code: 'bad-config',
      message: `expected http.trustProxy to hold addresses, or networks such as 10.0.0.0/8, got "${wrong}"`,
    })
  }
})
