import t from 'tap'
import { createSignedIn } from '../../src/access/signed-in.ts'
import type { User } from '../../src/access/user.ts'

const kitchen = { name: 'kitchen', sha256: 'a'.repeat(64), created: '2026-11-21T00:00:00Z' }
const panel: User = {
  name: 'panel',
  role: 'viewer',
  rules: [],
  passwordHash: 'x',
  tokens: [kitchen],
}

/** A directory that the test changes, and an entry that tells what it heard. */
function opened() {
  const users = new Map([[panel.name, panel]])
  const listeners = new Set<() => void>()
  const directory = {
    find: (name: string) => users.get(name),
    onChange: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const heard: string[] = []
  const entry = {
    user: panel,
    rightsChanged: (rights: { mayRead(topic: string): boolean }) =>
      heard.push(`reads: ${rights.mayRead('a')}`),
    ended: () => heard.push('ended'),
  }
  const change = (user: User | undefined) => {
    if (user === undefined) users.delete(panel.name)
    else users.set(user.name, user)
    for (const listener of listeners) listener()
  }
  return { signedIn: createSignedIn(directory), entry, heard, change, listeners }
}

t.test('who is signed in learns of other rights, and of nothing that stays', async (t) => {
  const { signedIn, entry, heard, change } = opened()
  const { rights } = signedIn.enter(entry)
  t.ok(rights.mayRead('a'))
  change(panel)
  const { role: _, ...powerless } = panel
  change(powerless)
  t.same(heard, ['reads: false'])
  change(panel)
  t.same(heard, ['reads: false', 'reads: true'])
  change({ ...panel, tokens: [kitchen, { ...kitchen, sha256: 'b'.repeat(64) }] })
  t.same(heard.slice(2), ['reads: true'], 'one more token ends nothing')
})

t.test(
  'a user who is gone, or has another password or a token less, is not signed in',
  async (t) => {
    for (const changed of [undefined, { ...panel, passwordHash: 'y' }, { ...panel, tokens: [] }]) {
      const { signedIn, entry, heard, change } = opened()
      signedIn.enter(entry)
      change(changed)
      change(panel)
      t.same(heard, ['reads: false', 'ended'], 'once')
    }
  },
)

t.test('a change during the check of a password is not missed', async (t) => {
  const { signedIn, entry, heard, change } = opened()
  change(undefined)
  signedIn.enter(entry)
  await Promise.resolve()
  t.same(heard, ['reads: false', 'ended'])
})

t.test('who has left hears nothing, and after the end nobody does', async (t) => {
  const { signedIn, entry, heard, change, listeners } = opened()
  signedIn.enter(entry).leave()
  await Promise.resolve()
  change(undefined)
  t.same(heard, [])
  signedIn.close()
  t.equal(listeners.size, 0)
})

t.test('how often a user is there is counted, and told at every change', async (t) => {
  const { signedIn, entry, change } = opened()
  const heard: string[] = []
  const stop = signedIn.onPresence((name) => heard.push(`${name} ${signedIn.countOf(name)}`))
  const first = signedIn.enter(entry)
  signedIn.enter({ ...entry })
  first.leave()
  first.leave()
  change(undefined)
  t.same(heard, ['panel 1', 'panel 2', 'panel 1', 'panel 0'])
  stop()
  signedIn.enter(entry)
  t.equal(heard.length, 4)
})

t.test(
  'who falls silent counts as gone until heard again, and may hear all the same',
  async (t) => {
    const { signedIn, entry } = opened()
    const counts: number[] = []
    signedIn.onPresence((name) => counts.push(signedIn.countOf(name)))
    const { silent, leave } = signedIn.enter(entry)
    for (const isSilent of [true, true, false, false, true]) silent(isSilent)
    t.same(counts, [1, 0, 1, 0], 'told at changes only')
    t.ok(signedIn.mayHear('panel'))
    leave()
    silent(false)
    t.same(counts, [1, 0, 1, 0], 'who leaves in silence leaves once')
    t.notOk(signedIn.mayHear('panel'))
    const observer = signedIn.enter({ ...entry, isObserver: true })
    observer.silent(true)
    t.equal(signedIn.countOf('panel'), 0)
    t.notOk(signedIn.mayHear('panel'))
  },
)

t.test('those with a connection are listed as they came, and each can be ended', async (t) => {
  const { signedIn, entry, heard } = opened()
  const connection = {}
  const arrival = { way: 'mqtt', title: 'node-1', address: '192.0.2.1', connection }
  let changes = 0
  const stop = signedIn.onArrivals(() => changes++)
  signedIn.enter(entry)
  signedIn.enter({ ...entry, arrival })
  const { leave } = signedIn.enter({ ...entry, arrival: { ...arrival, title: 'node-2' } })
  const [first, second, ...others] = signedIn.present()
  t.same(others, [])
  t.match(first, { ...arrival, user: 'panel' })
  t.ok(Number(second?.id) > Number(first?.id))
  t.ok(Math.abs(Date.now() - Number(first?.sinceMs)) < 10_000)
  first?.end()
  t.same(heard, ['reads: false', 'ended'])
  leave()
  t.same(signedIn.present(), [])
  t.equal(changes, 4)
  stop()
})
