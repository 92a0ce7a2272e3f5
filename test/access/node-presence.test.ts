import t from 'tap'
import { followNodePresence } from '../../src/access/node-presence.ts'
import { createSignedIn } from '../../src/access/signed-in.ts'
import type { User } from '../../src/access/user.ts'

function nodeUser(name: string, base: string): User {
  return { name, role: 'node', base, rules: [], tokens: [] }
}

const viewer: User = { name: 'viewer', role: 'viewer', rules: [], tokens: [] }
const baseless: User = { name: 'baseless', role: 'node', rules: [], tokens: [] }

/** Node users that the test changes, and what is told of them. */
function opened(...users: User[]) {
  const known = new Map(users.map((user) => [user.name, user]))
  const listeners = new Set<() => void>()
  const directory = {
    find: (name: string) => known.get(name),
    all: () => [...known.values()],
    onChange: (listener: () => void) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
  const signedIn = createSignedIn(directory)
  const presence = followNodePresence({ directory, signedIn })
  const heard: string[] = []
  const stop = presence.onChange((base) => heard.push(`${base} ${presence.isThere(base)}`))
  const entered = (user: User) =>
    signedIn.register({ user, rightsChanged: () => {}, ended: () => {} })
  const enter = (user: User) => entered(user).leave
  const change = (...changed: User[]) => {
    known.clear()
    for (const user of changed) known.set(user.name, user)
    for (const listener of [...listeners]) listener()
  }
  return { presence, heard, stop, enter, entered, change, listeners }
}

t.test('a node is there while one of its users is, however often', async (t) => {
  const [one, two] = [nodeUser('one', 'a/b'), nodeUser('two', 'a/b')]
  const { presence, enter } = opened(one, two, viewer, baseless)
  t.same(presence.bases(), ['a/b'])
  t.equal(presence.isThere('a/b'), false)
  t.equal(presence.isThere('a'), undefined, 'nobody has that base')
  const speakers = ['one', 'two', 'viewer'].filter((name) => presence.maySpeakFor('a/b', name))
  t.same(speakers, ['one', 'two'])
  t.ok(presence.maySpeakFor('a', 'viewer'), 'anybody where there is none')
  const leaves = [enter(one), enter(one), enter(two)]
  for (const leave of leaves) {
    t.equal(presence.isThere('a/b'), true)
    leave()
  }
  t.equal(presence.isThere('a/b'), false)
})

t.test('a node that falls silent is there all the same, and called silent', async (t) => {
  const one = nodeUser('one', 'a')
  const { presence, heard, entered } = opened(one)
  const { silent, leave } = entered(one)
  t.equal(presence.isSilent('a'), false)
  silent(true)
  t.equal(presence.isThere('a'), true)
  t.equal(presence.isSilent('a'), true)
  silent(false)
  t.same(heard, ['a true', 'a true', 'a true'], 'each change is told')
  t.equal(presence.isSilent('a'), false)
  leave()
  t.equal(presence.isSilent('a'), false, 'who is gone is not silent')
  t.equal(presence.isSilent('b'), false)
})

t.test('coming, leaving and changes of the users are told', async (t) => {
  const one = nodeUser('one', 'a')
  const { heard, enter, change, stop } = opened(one, viewer)
  const leave = enter(one)
  enter(viewer)
  leave()
  t.same(heard, ['a true', 'a false'])
  change(nodeUser('one', 'b'), nodeUser('two', 'c'))
  t.same(heard.slice(2), ['a undefined', 'b false', 'c false'])
  stop()
  enter(one)
  t.equal(heard.length, 5)
})

t.test('once closed it follows nothing', async (t) => {
  const one = nodeUser('one', 'a')
  const { presence, heard, enter, listeners } = opened(one)
  const before = listeners.size
  presence.close()
  enter(one)
  t.same(heard, [])
  t.equal(listeners.size, before - 1)
})
