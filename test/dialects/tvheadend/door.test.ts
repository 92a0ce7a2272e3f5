import t from 'tap'
import type { DigestResult } from '../../../src/access/digest.ts'
import { enter } from '../../../src/dialects/tvheadend/door.ts'
import { asked } from '../asked.ts'

const user = { name: 'clown', rules: [], tokens: [] }

/** Digest whose answer is `result` for a request of `uri`. */
function digestThat(result: DigestResult, uri = '/api/x?a=1&b=%20') {
  return {
    digest: {
      isOfUse: () => true,
      challenge: (isStale = false) => `Digest${isStale ? ' stale' : ''}`,
      signIn: ({ isFor }: { isFor(uri: string): boolean }) =>
        Promise.resolve(isFor(uri) ? result : ({ refused: 'wrong' } as const)),
    },
  }
}

const request = asked({
  path: '/api/x',
  query: new URLSearchParams('?a=1&b=+'),
  headers: { authorization: 'Digest x' },
  guest: () => user,
})

t.test('Digest lets in, sends away, or asks for another nonce', async (t) => {
  t.equal(await enter(request, digestThat({ user })), user)
  t.match(await enter(request, digestThat({ refused: 'wrong' })), { status: 403 })
  t.match(await enter(request, digestThat({ refused: 'stale' })), {
    status: 401,
    headers: { 'WWW-Authenticate': 'Digest stale' },
  })
  t.match(await enter(request, digestThat({ refused: 'nobody' })), {
    status: 401,
    headers: { 'WWW-Authenticate': 'Digest' },
  })
  t.match(await enter(request, digestThat({ refused: 'throttled', retryAfterSeconds: 3 })), {
    status: 429,
    headers: { 'Retry-After': '3' },
  })
})

t.test('it is for the address that was asked for, past what a proxy cut off', async (t) => {
  const atPlace = (uri: string) => enter(request, digestThat({ user }, uri))
  t.equal(await atPlace('/tv/api/x?a=1&b=%20'), user)
  t.equal(await atPlace('http://test.local/api/x?a=1&b=%20'), user)
  t.match(await atPlace('/api/y?a=1&b=%20'), { status: 403 })
  t.match(await atPlace('/api/x?a=2'), { status: 403 })
  t.match(await atPlace('/api/x'), { status: 403 })
})

t.test('what a browser adds for a page of strangers does not count', async (t) => {
  const foreign = { ...request, isOriginAllowed: false }
  t.equal(await enter(foreign, digestThat({ refused: 'wrong' })), user, 'a guest, if at all')
  const basic = { ...foreign, headers: { authorization: 'Basic x' }, guest: () => undefined }
  t.match(await enter(basic, digestThat({ user })), { status: 401 })
})
