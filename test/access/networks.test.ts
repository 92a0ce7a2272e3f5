import t from 'tap'
import { createNetworks } from '../../src/access/networks.ts'

t.test('an address is in a network, or is it itself', async (t) => {
  const isListed = createNetworks(['192.0.2.1', '10.0.0.0/8', '::1', 'fd00::/8'], 'the list')
  for (const address of ['192.0.2.1', '10.1.2.3', '::ffff:10.1.2.3', '::1', 'fd00::7']) {
    t.ok(isListed(address), address)
  }
  for (const address of ['192.0.2.2', '11.1.2.3', '::2', 'fe80::1%eth0', 'unknown', '']) {
    t.notOk(isListed(address), address)
  }
  t.notOk(createNetworks([], 'the list')('127.0.0.1'))
})

t.test('what is no network is refused, by the name of the setting', async (t) => {
  for (const entry of ['house', '10.0.0.0/33', '::1/129', '', '10.0.0.0/', '/8']) {
    const message = `expected the list to hold addresses, or networks such as 10.0.0.0/8, got ${JSON.stringify(entry)}`
    t.throws(() => createNetworks([entry], 'the list'), { code: 'bad-config', message })
  }
})
