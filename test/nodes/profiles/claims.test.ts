import t from 'tap'
import type { Message } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import { type Claim, Claims } from '../../../src/nodes/profiles/claims.ts'
import type { HeardMessage } from '../../../src/nodes/profiles/profile.ts'

function message(topic: string, text = 'x'): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: true }
}

/** Claims, with what was said before, and what they have heard: `<pattern> <topic>`, with `!` in front of the past. */
function tried(past: readonly Message[] = []) {
  const heard: string[] = []
  const errors: unknown[] = []
  const owned: string[] = []
  const claims = new Claims({
    past: {
      on: (topic) => past.find((each) => each.topic === topic),
      matching: (isMatch, tell) => past.filter(({ topic }) => isMatch(topic)).forEach(tell),
    },
    owned: (topic) => owned.push(topic),
    failed: (claim, topic, error) => errors.push([claim.owner, topic, error]),
  })
  const add = (pattern: string, options: Partial<Claim> = {}) => {
    const hear = ({ topic, isPast }: HeardMessage) => {
      heard.push(`${isPast ? '!' : ''}${pattern} ${topic}`)
    }
    claims.add({ profile: 'p', owner: 'o', pattern, isOwned: true, hear, ...options })
  }
  const say = (topic: string) => {
    const claimed = claims.on(topic)
    if (claimed !== undefined) claims.hear(claimed, message(topic))
  }
  return { claims, heard, errors, owned, add, say }
}

t.test('a topic is found by each kind of pattern that is about it', async (t) => {
  const about: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['a/b', ['a/b'], ['a', 'a/b/c', 'a/c', '+/b']],
    ['a/+/c', ['a/b/c', 'a//c'], ['a/c', 'a/b/c/d', 'x/b/c']],
    ['+/b', ['a/b', '/b'], ['b', 'a/a/b']],
    ['a/+', ['a/b'], ['a', 'a/b/c']],
    ['+/+', ['a/b'], ['a']],
    ['a/#', ['a/b', 'a/b/c', 'a'], ['b/a', 'ab/c']],
    ['#/on', ['a/on', 'a/b/on'], ['on', '/on', 'a/onx', 'a/on/b']],
    ['#/+/rpc', ['a/b/rpc', 'a/b/c/rpc'], ['b/rpc', 'rpc']],
  ]
  for (const [pattern, matching, others] of about) {
    const { claims, add } = tried()
    add(pattern)
    for (const topic of matching) t.ok(claims.on(topic), `${pattern} ${topic}`)
    for (const topic of others) t.notOk(claims.on(topic), `${pattern} ${topic}`)
  }
})

t.test('what is released is heard no more, and the claims of others stay', async (t) => {
  const { claims, heard, add, say } = tried()
  for (const pattern of ['a/b', 'a/+', '+/b', 'a/#', '#/b']) add(pattern)
  add('a/b', { owner: 'other', hear: () => heard.push('other') })
  const before = claims.version
  claims.release({ profile: 'p', owner: 'o' })
  claims.release({ profile: 'p', owner: 'o' })
  claims.release({ profile: 'q', owner: 'other' })
  t.equal(claims.version, before + 1)
  say('a/b')
  t.same(heard, ['other'])
  claims.release({ profile: 'p', owner: 'other' })
  t.equal(claims.on('a/b'), undefined)
})

t.test('a topic that is only listened to belongs to nobody', async (t) => {
  const { claims, add } = tried()
  add('a/b', { isOwned: false })
  t.match(claims.on('a/b'), { isOwned: false })
  t.equal(claims.isTaken('a/b', 'q'), false)
  add('a/+')
  t.match(claims.on('a/b'), { isOwned: true })
  t.equal(claims.isTaken('a/b', 'q'), false, 'not by its name')
  add('a/b')
  t.equal(claims.isTaken('a/b', 'q'), true)
  t.equal(claims.isTaken('a/b', 'p'), false, 'by itself')
})

t.test('the last value is heard as soon as the hearing that claims has returned', async (t) => {
  const { claims, heard, add, say } = tried([message('a/lwt', 'online'), message('b/c/lwt')])
  const hear = () => {
    add('a/lwt')
    add('#/lwt')
    heard.push('returned')
  }
  claims.add({ profile: 'p', owner: 'config', pattern: 'config', isOwned: true, hear })
  say('config')
  t.same(heard, ['returned', '!a/lwt a/lwt', '!#/lwt a/lwt', '!#/lwt b/c/lwt'])
})

t.test('what was said before on a topic that is owned now is told to be', async (t) => {
  const { owned, add } = tried([message('a/lwt'), message('b/c'), message('b/d', '')])
  for (const pattern of ['a/lwt', 'b/+']) add(pattern, { isOwned: false })
  t.same(owned, [])
  for (const pattern of ['a/lwt', 'b/+']) add(pattern)
  t.same(owned, ['a/lwt', 'b/c', 'b/d'])
})

t.test('an empty value was none', async (t) => {
  const { heard, add } = tried([message('a', '')])
  add('a')
  t.same(heard, [])
})

t.test('what a hearing throws is told, and the others hear it all the same', async (t) => {
  const { errors, heard, add, say } = tried()
  const error = new Error('no')
  add('a', {
    owner: 'bad',
    hear: () => {
      throw error
    },
  })
  add('a')
  say('a')
  t.same([errors, heard], [[['bad', 'a', error]], ['a a']])
})

t.test('whoever is released while a message is heard hears it no more', async (t) => {
  const { claims, heard, add, say } = tried()
  add('a', { owner: 'first', hear: () => claims.release({ profile: 'p', owner: 'o' }) })
  add('a')
  say('a')
  t.same(heard, [])
})

t.test('what begins with a failure leaves the rest as it was', async (t) => {
  const { claims, heard, add } = tried([message('a')])
  const fail = () =>
    claims.run(() => {
      throw new Error('no')
    })
  t.throws(fail, { message: 'no' })
  add('a')
  t.same(heard, ['!a a'])
})

t.test('whoever asks hears which patterns are owned, and which are not any more', async (t) => {
  const { claims, add } = tried()
  const told: string[] = []
  claims.onOwned((pattern) => told.push(pattern))
  add('a')
  add('b', { isOwned: false })
  claims.release({ profile: 'p', owner: 'o' })
  t.same(told, ['a', 'a'])
})
