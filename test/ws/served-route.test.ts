import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { tooManyConnections } from '../../src/access/connection-limiter.ts'
import type { ServedDialect, ServedLink, ServedRequest } from '../../src/dialects/served-dialect.ts'
import { followedDefects } from '../followed-defects.ts'
import { createInbox } from '../inbox.ts'
import { rawExchange } from '../raw-http.ts'
import { ann, served } from './started-served.ts'

function opened(t: Test, port: number, protocols: string[] = []): WebSocket {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/test/a?b=c`, protocols)
  t.teardown(() => websocket.on('error', () => {}).terminate())
  return websocket
}

t.test('a request comes as plain data', async (t) => {
  const seen = createInbox<ServedRequest>()
  const { port } = await served(t, {
    answer: (request) => {
      seen.put(request)
      return { status: 200, headers: { 'X-A': 'b' }, body: 'ä' }
    },
  })
  const lines = ['Host: 127.0.0.1', 'A: 1', 'A: 2', 'Set-Cookie: 3', 'Set-Cookie: 4']
  const request = [`PUT /hub/test/x%20/y?a=1&b HTTP/1.1`, ...lines, 'Content-Length: 2', '', 'hi']
  const answer = await rawExchange(port, request.join('\r\n'))
  t.match(answer, /^HTTP\/1\.1 200 .*\r\nX-A: b\r\n/s)
  t.match(answer, /\r\nContent-Length: 2\r\n/)
  t.match(await seen.next(), {
    method: 'PUT',
    path: '/x%20/y',
    headers: { a: '1, 2', 'set-cookie': '3, 4' },
    body: Buffer.from('hi'),
    address: '192.0.2.1',
    isSecure: false,
    isOriginAllowed: true,
    subprotocols: [],
  })
  await fetch(`http://127.0.0.1:${port}/test?x`)
  t.match(await seen.next(), { method: 'GET', path: '/', body: Buffer.alloc(0) })
})

t.test('what has no body has no length', async (t) => {
  const { port } = await served(t, { answer: () => ({ status: 304, body: 'none' }) })
  const answer = await fetch(`http://127.0.0.1:${port}/test`)
  t.equal(answer.status, 304)
  t.equal(answer.headers.get('content-length'), null)
})

t.test('who it is may be asked by other credentials', async (t) => {
  const results = createInbox<unknown>()
  const { port } = await served(t, {
    answer: async ({ signIn, guest, actAs: visit }) => {
      results.put(await signIn())
      results.put(await signIn({ user: 'ann', password: 'a' }))
      results.put(await signIn({ user: 'bob', password: 'a' }))
      results.put(guest()?.name)
      results.put(visit(ann)?.user)
      return { status: 204 }
    },
  })
  await fetch(`http://127.0.0.1:${port}/test`)
  t.match(results.items, [{ user: ann }, { user: ann }, { refused: 'wrong' }, 'ann', 'ann'])
})

t.test('a page of a foreign origin carries nothing that counts', async (t) => {
  for (const isAnyPageGuest of [false, true]) {
    const results = createInbox<unknown>()
    const { port } = await served(
      t,
      {
        checksOrigin: true,
        answer: async ({ signIn, guest }) => {
          results.put(await signIn())
          results.put(guest()?.name)
          return { status: 204 }
        },
      },
      { isOriginAllowed: false, isAnyPageGuest },
    )
    await fetch(`http://127.0.0.1:${port}/test`)
    t.same(results.items, [{ refused: 'nobody' }, isAnyPageGuest ? 'ann' : undefined])
  }
})

t.test('an answer that nobody waits for any more', async (t) => {
  const asked = createInbox<AbortSignal>()
  const { port } = await served(t, {
    answer: async ({ gone }) => {
      asked.put(gone)
      await once(gone, 'abort')
      return { status: 204 }
    },
  })
  const leaving = new AbortController()
  const answer = fetch(`http://127.0.0.1:${port}/test`, { signal: leaving.signal })
  const gone = await asked.next()
  leaving.abort()
  await t.rejects(answer)
  if (!gone.aborted) await once(gone, 'abort')
  t.ok(gone.aborted)
})

t.test(
  'an upgrade is answered in place of taken, or taken with one of its subprotocols',
  async (t) => {
    const { port } = await served(t, {
      greet: ({ subprotocols, path }) => {
        t.equal(path, '/a')
        if (subprotocols.length === 0) return { status: 426, headers: { 'X-A': 'b' } }
        return { subprotocol: 'two', open: (link) => echo(link) }
      },
    })
    const refused = opened(t, port)
    const [, response] = await once(refused, 'unexpected-response')
    t.equal(response.statusCode, 426)
    t.equal(response.headers['x-a'], 'b')
    t.equal(response.headers['content-length'], '0')
    const websocket = opened(t, port, ['one', 'two'])
    await once(websocket, 'open')
    t.equal(websocket.protocol, 'two')
    websocket.send('hello')
    t.equal(String((await once(websocket, 'message'))[0]), 'hello')
    websocket.ping('are you there?')
    t.equal(String((await once(websocket, 'pong'))[0]), 'are you there?')
    websocket.pong()
  },
)

function echo(link: ServedLink) {
  return { receive: (frame: string) => link.send(frame), closed: () => {} }
}

t.test('without a subprotocol of the dialect, none is chosen', async (t) => {
  const { port } = await served(t, { greet: () => ({ open: echo }) })
  const websocket = opened(t, port, ['one'])
  await once(websocket, 'error')
  t.equal(websocket.protocol, '', 'ws wants one of those it offered')
})

t.test('a link ends as the dialect says', async (t) => {
  const left = createInbox<string>()
  const { port } = await served(t, {
    greet: () => ({
      open: (link) => ({
        receive: (frame) => {
          if (frame === 'cut') link.cut()
          else if (frame === 'plain') link.close()
          else link.close(4001, frame)
        },
        closed: () => left.put('left'),
      }),
    }),
  })
  for (const [frame, code] of [
    ['cut', 1006],
    ['plain', 1005],
    ['why', 4001],
  ] as const) {
    const websocket = opened(t, port)
    await once(websocket, 'open')
    websocket.send(frame)
    t.equal((await once(websocket, 'close'))[0], code)
    await left.next()
  }
})

t.test('F59: a defect of ours ends the websocket and not the hub', async (t) => {
  const defects = followedDefects(t)
  const { port } = await served(t, {
    greet: ({ subprotocols }) => ({
      ...(subprotocols[0] !== undefined && { subprotocol: subprotocols[0] }),
      open: () => {
        if (subprotocols.length > 0) throw new TypeError('a defect')
        return {
          receive: () => {
            throw new TypeError('a defect')
          },
          closed: () => {},
        }
      },
    }),
  })
  const one = opened(t, port)
  await once(one, 'open')
  one.send('x')
  t.equal((await once(one, 'close'))[0], 1011)
  const other = opened(t, port, ['a'])
  t.equal((await once(other, 'close'))[0], 1011)
  t.match(defects.items, [{ message: 'a defect' }, { message: 'a defect' }])
})

t.test('one connection too many: refused when that is known, or closed: try later', async (t) => {
  const tooMany = { admit: () => tooManyConnections }
  const known = await served(t, { greet: () => ({ user: ann, open: echo }) }, tooMany)
  const [, response] = await once(opened(t, known.port), 'unexpected-response')
  t.equal(response.statusCode, 503)
  const later = await served(
    t,
    {
      greet: () => ({
        open: (link) => {
          t.equal(link.signIn(ann), undefined)
          return echo(link)
        },
      }),
      answer: ({ actAs: visit }) => ({ status: visit(ann) === undefined ? 503 : 200 }),
    },
    tooMany,
  )
  t.equal((await once(opened(t, later.port), 'close'))[0], 1013)
  t.equal((await fetch(`http://127.0.0.1:${later.port}/test`)).status, 503)
})

t.test('whoever is found to be banned when they sign in is closed for good', async (t) => {
  const banned = { admit: () => ({ status: 403, code: 'banned', reason: 'go away' }) as const }
  const { port } = await served(
    t,
    {
      greet: () => ({
        open: (link) => {
          t.equal(link.signIn(ann), undefined)
          return echo(link)
        },
      }),
    },
    banned,
  )
  const [code, reason] = await once(opened(t, port), 'close')
  t.same([code, String(reason)], [1008, 'banned'])
})

t.test(
  'a message that is too large is lost alone, and tiny fragments count as messages',
  async (t) => {
    const { port, log } = await served(t, { greet: () => ({ open: echo }) })
    const websocket = opened(t, port)
    await once(websocket, 'open')
    websocket.send('x'.repeat(1024 * 1024 + 1))
    websocket.send('behind')
    t.equal(String((await once(websocket, 'message'))[0]), 'behind')
    for (let at = 0; at < 300; at++) websocket.send('y', { fin: at === 299 })
    t.equal(String((await once(websocket, 'message'))[0]), 'y'.repeat(300))
    await log.next(({ msg }) => msg === 'a message is too large, and lost')
  },
)

t.test('who sends too fast for too long is given up when memory is short', async (t) => {
  const { port } = await served(t, { greet: () => ({ open: echo }) })
  const websocket = opened(t, port)
  await once(websocket, 'open')
  const timer = setInterval(() => {
    for (let at = 0; at < 100; at++) websocket.send('x')
  }, 20)
  t.teardown(() => clearInterval(timer))
  t.equal((await once(websocket, 'close'))[0], 1008)
})

t.test('of a slow reader, later frames with a key take the place of earlier ones', async (t) => {
  const frame = (at: number) => `${at}`.padEnd(60_000, '.')
  const { port } = await served(t, {
    greet: () => ({
      open: (link) => ({
        receive: () => {
          for (let at = 0; at < 2000; at++) link.send(frame(at), 'key')
          link.send('last')
        },
        closed: () => {},
      }),
    }),
  })
  const websocket = opened(t, port)
  await once(websocket, 'open')
  const frames: string[] = []
  websocket.on('message', (data) => frames.push(String(data)))
  websocket.send('go')
  while (frames.at(-1) !== 'last') await once(websocket, 'message')
  t.ok(frames.length < 2000)
  t.equal(frames.at(-2), frame(1999))
})

t.test('a websocket that a session has opened ends with it', async (t) => {
  const ends: (() => void)[] = []
  const until = (ended: (why: 'signed-out') => void) => {
    ends.push(() => ended('signed-out'))
    return () => {}
  }
  const greet: ServedDialect['greet'] = async ({ signIn }) => {
    await signIn()
    return {
      open: (link) => {
        link.signIn(ann)
        return { receive: () => {}, closed: () => {} }
      },
    }
  }
  const { port } = await served(t, { greet }, { until })
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/test`)
  await once(websocket, 'open')
  const closed = once(websocket, 'close')
  for (const end of ends) end()
  const [code, reason] = await closed
  t.same([code, String(reason)], [1008, 'signed out'])
})
