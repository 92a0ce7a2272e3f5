import { PassThrough } from 'node:stream'
import type { Client } from 'aedes'
import t from 'tap'
import { noRights, rightsOf } from '../../src/access/rights.ts'
import { connectionOf, createClientAddress } from '../../src/bus/client-address.ts'
import { createSenders } from '../../src/bus/senders.ts'

/** A client of Aedes without a guard, on a connection from `address`. */
function clientFrom(address: string | undefined, from: object = {}): Client {
  const conn = Object.assign(new PassThrough(), address && { remoteAddress: address })
  return { id: 'one:c1', conn, ...from } as unknown as Client
}

t.test('an MQTT client is a sender with the rights it has now', async (t) => {
  let rights = rightsOf({ name: 'one', role: 'operator', rules: [], tokens: [] })
  const senders = createSenders({ of: () => rights }, () => '10.1.2.3')
  const client = clientFrom('10.1.2.3')
  const sender = senders.of(client)
  t.same(sender, { user: 'one', clientId: 'c1', rights, address: '10.1.2.3', way: 'mqtt' })
  t.equal(senders.of(client), sender, 'made once')
  rights = noRights
  t.equal(senders.of(client).rights, noRights)
})

t.test('nobody and users who are gone have no rights', async (t) => {
  const senders = createSenders({ of: () => undefined }, () => '10.1.2.3')
  t.match(senders.of(clientFrom('10.1.2.3')), { user: 'one', rights: noRights })
  t.match(senders.of(null), { user: 'nobody', rights: noRights, address: 'unknown' })
})

t.test('the address of a client outlives its connection', async (t) => {
  const addressOf = createClientAddress(() => '192.0.2.1')
  const connection = { remoteAddress: '::ffff:10.1.2.3' as string | undefined }
  const client = { conn: connection } as unknown as Client
  t.equal(addressOf(client), '10.1.2.3')
  connection.remoteAddress = undefined
  t.equal(addressOf(client), '10.1.2.3')
  t.equal(addressOf(clientFrom(undefined)), 'unknown')
})

t.test('a client on a websocket comes from where its request does', async (t) => {
  const socket = new PassThrough()
  const client = clientFrom('10.1.2.3', { req: { socket } })
  t.equal(createClientAddress(() => '192.0.2.1')(client), '192.0.2.1')
  t.equal(connectionOf(client), socket)
})
