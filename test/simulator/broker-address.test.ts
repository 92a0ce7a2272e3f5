import fc from 'fast-check'
import t from 'tap'
import { cannotConnect, describeBroker, readBrokerUrl } from '../../src/simulator/broker-address.ts'

t.test('a broker URL is read with everything it may carry', async (t) => {
  t.same(readBrokerUrl('mqtt://127.0.0.1'), { protocol: 'mqtt', host: '127.0.0.1' })
  t.same(readBrokerUrl('mqtt://hub.local:1884/'), {
    protocol: 'mqtt',
    host: 'hub.local',
    port: 1884,
  })
  t.same(readBrokerUrl('mqtts://[::1]:8884'), { protocol: 'mqtts', host: '::1', port: 8884 })
  t.same(readBrokerUrl('mqtt://clown@localhost'), {
    protocol: 'mqtt',
    host: 'localhost',
    username: 'clown',
  })
})

t.test('user and password are percent-decoded, whatever they hold', async (t) => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 })
  const ofUserInfo = (username: string, password: string) => {
    const userInfo = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`
    return readBrokerUrl(`mqtt://${userInfo}@127.0.0.1:1883`)
  }
  t.match(ofUserInfo('clown', 'big:cl@wn/?#%'), { username: 'clown', password: 'big:cl@wn/?#%' })
  fc.assert(
    fc.property(text, text, (username, password) => {
      const broker = ofUserInfo(username, password)
      return broker.username === username && broker.password === password
    }),
  )
})

t.test('a text that is no broker URL is refused, and its password is not repeated', async (t) => {
  for (const text of [
    '',
    'secret',
    '127.0.0.1:1883',
    'http://clown:secret@127.0.0.1',
    'ws://clown:secret@127.0.0.1',
    'mqtt://',
    'mqtt://clown:secret@127.0.0.1:port',
    'mqtt://clown:12/secret@127.0.0.1',
    'mqtt://clown:12?secret@127.0.0.1',
    'mqtt://clown:12#secret@127.0.0.1',
    'mqtt://clown:secret%zz@127.0.0.1',
  ]) {
    const message = /^expected a broker address like (?!.*secret)/
    t.throws(() => readBrokerUrl(text), { code: 'cannot-connect', message }, text)
  }
})

t.test('a broker is described without user and password', async (t) => {
  for (const url of ['mqtt://127.0.0.1', 'mqtts://[::1]:8883', 'mqtt://hub.local:1883']) {
    t.equal(describeBroker(readBrokerUrl(url)), url)
    t.equal(describeBroker(readBrokerUrl(url.replace('//', '//clown:secret@'))), url)
  }
})

t.test('a failure to connect names the address, why, and how to mend it', async (t) => {
  const broker = readBrokerUrl('mqtt://clown:secret@hub.local:1883')
  const start = 'expected an MQTT broker at mqtt://hub.local:1883, got '
  const coded = (code: unknown, message = 'foreign words') =>
    Object.assign(new Error(message), { code })
  for (const [thrown, rest] of [
    [coded('ECONNREFUSED'), 'nobody listening: start the broker or correct the address'],
    [coded('ENOTFOUND'), 'an unknown host name: correct it'],
    [coded('EAI_AGAIN'), 'an unknown host name: correct it'],
    [coded('EPROTO'), 'an answer without TLS: write mqtt:// if that port has none'],
    [coded(4), 'a refusal of the user name or password: correct them'],
    [coded(5), 'a refusal (not authorized): give a user name and password it knows'],
    [coded(128), 'a refused subscription: let this user subscribe below its base'],
    [coded('ENETUNREACH', ''), 'ENETUNREACH: check that an MQTT broker answers there'],
    [new Error('silence'), 'silence: check that an MQTT broker answers there'],
    ['silence', 'silence: check that an MQTT broker answers there'],
  ] as const) {
    const error = cannotConnect(broker, thrown)
    t.match(error, { name: 'HubError', code: 'cannot-connect', cause: thrown })
    t.equal(error.message, start + rest)
  }
})
