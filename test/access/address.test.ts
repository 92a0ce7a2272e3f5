import t from 'tap'
import {
  addressGroup,
  addressNetwork,
  createNetworks,
  isLoopback,
  isLoopbackHost,
} from '../../src/access/address.ts'

t.test('this machine is known by all its names', async (t) => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', '::FFFF:127.1.2.3'])
    t.ok(isLoopback(address), address)
  for (const address of ['128.0.0.1', '192.0.2.127', '::2', '::ffff:192.0.2.1', '127.example', ''])
    t.notOk(isLoopback(address), address)
})

t.test('who listens on localhost is reached from this machine only', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '::1']) t.ok(isLoopbackHost(host), host)
  for (const host of ['0.0.0.0', '::', 'hub.example']) t.notOk(isLoopbackHost(host), host)
})

t.test('an IPv4 address stands for itself, however it is written', async (t) => {
  t.equal(addressGroup('192.0.2.7'), '192.0.2.7')
  t.equal(addressGroup('::ffff:192.0.2.7'), '192.0.2.7')
  t.equal(addressGroup('unknown'), 'unknown')
})

t.test('an IPv6 address stands for its first 64 bits', async (t) => {
  const groups: [address: string, group: string][] = [
    ['2001:db8:0:7:1:2:3:4', '2001:db8:0:7::/64'],
    ['2001:db8:0:7::1', '2001:db8:0:7::/64'],
    ['2001:0DB8:0000:0007::ffff', '2001:db8:0:7::/64'],
    ['2001:db8::7:1:2:3:4', '2001:db8:0:7::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1:2:3::5:6:192.0.2.1', '1:2:3:0::/64'],
    ['1:2:3:4:5::192.0.2.1', '1:2:3:4::/64'],
    ['1::4:5:6:192.0.2.1', '1:0:0:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ]
  const isNobodyNear = () => false
  for (const [address, group] of groups) {
    t.equal(addressGroup(address, isNobodyNear), group, address)
  }
})

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

t.test('F58: a neighbour of IPv6 is an address of its own', async (t) => {
  const isNeighbour = createNetworks(['2001:db8:1::/64'], 'test')
  t.equal(addressGroup('2001:db8:1::7', isNeighbour), '2001:db8:1::7')
  t.equal(addressGroup('2001:db8:2::7', isNeighbour), '2001:db8:2:0::/64')
  t.equal(addressGroup('fe80::1'), 'fe80::1')
  t.equal(addressGroup('fe80::1%eth0'), 'fe80::1%eth0')
  t.equal(addressGroup('192.0.2.7', isNeighbour), '192.0.2.7')
})

t.test('of IPv6 a network is what a provider hands out', async (t) => {
  t.equal(addressNetwork(addressGroup('2001:db8:1:2::7')), '2001:db8:1::/48')
  t.equal(addressNetwork('192.0.2.7'), '192.0.2.7')
})
