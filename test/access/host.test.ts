import t from 'tap'
import { isKnownHost } from '../../src/access/host.ts'

t.test(
  'localhost, literal addresses and listed names are known, with and without a port',
  async (t) => {
    const known = [
      'localhost',
      'LocalHost:8080',
      '127.0.0.1:8080',
      '192.168.1.5',
      '[::1]:8080',
      'hub.local:80',
    ]
    for (const host of known) t.ok(isKnownHost(host, ['Hub.Local']), host)
  },
)

t.test('other names, and what is no host at all, are not', async (t) => {
  const unknown = [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[localhost]',
    'a:b:c',
    '::1',
  ]
  for (const host of unknown) t.notOk(isKnownHost(host, ['hub.local']), String(host))
})
