import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import { directPeer } from '../../src/transports/peer.ts'

t.test('a connection that has ended comes from nowhere', async (t) => {
  t.same(directPeer(new IncomingMessage(new Socket())), { address: 'unknown', isSecure: false })
})

t.test('TLS is secure', async (t) => {
  const request = new IncomingMessage(new TLSSocket(new Socket()))
  t.match(directPeer(request), { isSecure: true })
})
