import { once } from 'node:events'
import { chmodSync, rmSync, utimesSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { digestSecretOf } from '../../src/access/digest.ts'
import { createToken } from '../../src/access/tokens.ts'
import type { User } from '../../src/access/user.ts'
import { hashInlineUsers, openUserDirectory } from '../../src/access/user-directory.ts'
import { changeUser, readUsersFile } from '../../src/access/users-file.ts'
import { checkConfig } from '../../src/config.ts'
import { createInbox } from '../inbox.ts'
import { mosquittoHashes, someHash, usersFile, writePrivate } from './users.ts'

/** What the issue promises for a change to count, and what a busy machine may add. */
const soonMs = 1000

const clown: User = { name: 'clown', role: 'admin', rules: [], tokens: [] }

function openedDirectory(t: Test, text: string) {
  const file = usersFile(t, text)
  const lines = createInbox<{ level: number; msg: string; reason?: string }>()
  const log = pino({}, { write: (line) => lines.put(JSON.parse(line)) })
  const directory = openUserDirectory({ inline: [clown], file, log })
  t.teardown(directory.close)
  const changes = createInbox<string>()
  const stop = directory.onChange(() => changes.put(namesIn(directory.all())))
  return { file, directory, changes, lines, stop }
}

const namesIn = (users: readonly User[]) => users.map(({ name }) => name).join(' ')

t.test('it has the users of the configuration and those of the file', async (t) => {
  const { directory } = openedDirectory(t, 'users: { bob: { role: viewer } }')
  t.equal(namesIn(directory.all()), 'clown bob')
  t.match(directory.find('bob'), { name: 'bob', role: 'viewer' })
  t.equal(directory.find('clown'), clown)
  t.equal(directory.find('constructor'), undefined)
})

t.test('without a file it has the users of the configuration', async (t) => {
  const log = pino({ level: 'silent' })
  const directory = openUserDirectory({ inline: [clown], file: undefined, log })
  t.equal(namesIn(directory.all()), 'clown')
  directory.replaceHash({ before: 'a', after: 'b' })
  t.equal(namesIn(directory.all()), 'clown', 'whose passwords stay where they are')
  directory.close()
})

t.test('a changed file counts within a second, however it was changed', async (t) => {
  const { file, directory, changes, lines, stop } = openedDirectory(t, 'users: { bob: {} }')
  const startedAtMs = performance.now()
  changeUser(file, 'eve', () => ({ role: 'viewer' }))
  t.equal(await changes.next(), 'clown bob eve')
  t.ok(performance.now() - startedAtMs < soonMs)
  t.ok(directory.find('eve'))

  writePrivate(file, 'users: { eve: {} }')
  t.equal(await changes.next(), 'clown eve')
  t.equal(directory.find('eve')?.role, undefined)
  t.match(await lines.next(), { level: 30, msg: 'the users file has changed' })

  stop()
  writePrivate(file, 'users: {}')
  await lines.next(({ level }) => level === 30)
  while (directory.find('eve')) await lines.next()
  t.equal(changes.items.length, 2)
})

t.test('a file that breaks or goes away changes nothing, and is told of once', async (t) => {
  const { file, directory, changes, lines } = openedDirectory(t, 'users: { bob: {} }')
  const faults: [() => void, RegExp][] = [
    [() => writePrivate(file, 'users: { bob: { rol: viewer } }'), /did you mean "role"/],
    [() => writePrivate(file, ''), /to be object, got null/],
    [() => writePrivate(file, 'users: { clown: {} }'), /users\.clown in the configuration or in/],
    [() => chmodSync(file, 0o644), /chmod 600/],
    [() => rmSync(file), /no such file/],
  ]
  for (const [breakIt, reason] of faults) {
    breakIt()
    const line = await lines.next()
    t.match(line, { level: 50, reason, msg: /^the users file cannot be used any more: all users/ })
    t.equal(namesIn(directory.all()), 'clown bob')
  }
  // One that says the same again is a file again, and no change.
  writePrivate(file, 'users: { bob: {} }')
  utimesSync(file, 1, 1)
  writePrivate(file, 'users: { bob: { role: viewer } }')
  t.equal(await changes.next(), 'clown bob')
  t.equal(directory.find('bob')?.role, 'viewer')
  t.equal(lines.items.filter(({ level }) => level === 50).length, faults.length)
})

t.test('a file that is touched is no change', async (t) => {
  const touched = openedDirectory(t, 'users: { bob: {} }')
  const other = openedDirectory(t, 'users: { bob: {} }')
  utimesSync(touched.file, 1, 1)
  writePrivate(touched.file, 'users:\n  bob: {} # the same\n')
  // Both look equally often, so that after two changes of the one, the other has looked as well.
  for (const name of ['eve', 'ada']) {
    changeUser(other.file, name, () => ({}))
    await other.changes.next()
  }
  t.same(touched.changes.items, [])
  t.same(touched.lines.items, [])
})

t.test('a closed directory looks no more, and an open one minds its own file', async (t) => {
  const idle = openedDirectory(t, 'users: { bob: {} }')
  const closed = openedDirectory(t, 'users: { bob: {} }')
  const open = openedDirectory(t, 'users: { bob: {} }')
  closed.directory.close()
  for (const { file } of [closed, open]) changeUser(file, 'eve', () => ({}))
  await open.changes.next()
  t.same(closed.changes.items, [])
  t.same(idle.changes.items, [])
})

t.test('a user of both places is refused at the start', async (t) => {
  t.throws(() => openedDirectory(t, 'users: { clown: {} }'), {
    code: 'bad-config',
    message: /^expected users\.clown in the configuration or in the users file, got both/,
  })
})

const foreign = mosquittoHashes.pw1

const hashOf = (file: string, name: string) =>
  readUsersFile(file).find((user) => user.name === name)?.passwordHash

/** Resolves when something has happened in the folder of `file`. */
async function somethingWritten(file: string): Promise<void> {
  const watcher = watch(dirname(file))
  await once(watcher, 'change')
  watcher.close()
}

t.test('a better hash is written to the file, and nobody has changed by that', async (t) => {
  const text = `users: { bob: { password: ${foreign} }, eve: { password: ${foreign} } }`
  const { file, directory, changes, lines } = openedDirectory(t, text)
  directory.replaceHash({ before: foreign, after: someHash })
  changeUser(file, 'eve', () => ({ role: 'viewer' }))
  t.equal(await changes.next(), 'clown bob eve')
  while (hashOf(file, 'bob') !== someHash) await somethingWritten(file)
  // Whatever is read of the file after that is told in the order it was written.
  changeUser(file, 'eve', () => undefined)
  t.equal(await changes.next(), 'clown bob')
  t.same(changes.items.length, 2)
  t.equal(directory.find('bob')?.passwordHash, foreign, 'the hub goes on with what it knows')
  t.same(new Set(lines.items.map(({ msg }) => msg)), new Set(['the users file has changed']))
})

t.test('a password that has become another one meanwhile is left alone', async (t) => {
  const other = mosquittoHashes.pw2
  const text = `users: { bob: { password: ${foreign} }, eve: { password: ${foreign} } }`
  const { file, directory } = openedDirectory(t, text)
  directory.replaceHash({ before: foreign, after: someHash })
  changeUser(file, 'bob', () => ({ password: other }))
  changeUser(file, 'eve', () => undefined)
  directory.close()
  t.match(readUsersFile(file), [{ name: 'bob', passwordHash: other }])
})

t.test('what waits to be written is written at the end', async (t) => {
  const { file, directory } = openedDirectory(t, `users: { bob: { password: ${foreign} } }`)
  directory.replaceHash({ before: foreign, after: someHash })
  t.equal(hashOf(file, 'bob'), foreign, 'many may come together')
  directory.close()
  t.equal(hashOf(file, 'bob'), someHash)
})

t.test('a file that cannot be written stays, which is said once', async (t) => {
  const { file, directory, lines } = openedDirectory(t, `users: { bob: { password: ${foreign} } }`)
  chmodSync(file, 0o644)
  directory.replaceHash({ before: foreign, after: someHash })
  const isOfWriting = ({ msg }: { msg: string }) => /cannot be written/.test(msg)
  t.match(await lines.next(isOfWriting), { level: 50, reason: /for its owner only/ })
  directory.replaceHash({ before: foreign, after: someHash })
  directory.close()
  t.equal(lines.items.filter(isOfWriting).length, 1)
  chmodSync(file, 0o600)
  t.equal(hashOf(file, 'bob'), foreign)
})

t.test('passwords of the configuration are kept as hashes only', async (t) => {
  const rules = [{ allow: ['read'], topic: '#' }] as const
  const { users } = checkConfig({
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      bridge: { password: 'x', role: 'node', base: 'nodes/bridge/0' },
      anonymous: { rules },
    },
  })
  const hashed = await hashInlineUsers(users, async (password) => `hash of ${password}`)
  t.same(hashed, [
    { name: 'clown', role: 'admin', rules: [], tokens: [], passwordHash: 'hash of bigclown' },
    {
      name: 'bridge',
      role: 'node',
      base: 'nodes/bridge/0',
      rules: [],
      tokens: [],
      passwordHash: 'hash of x',
    },
    { name: 'anonymous', rules, tokens: [] },
  ])
})

t.test(
  'who wants to sign in by Digest has a secret for that, besides the hash or token',
  async (t) => {
    const { token } = createToken()
    const { users } = checkConfig({
      users: {
        clown: { password: 'bigclown', digest: true },
        other: { password: 'bigclown', digest: false },
        machine: { password: token, digest: true },
      },
    })
    const hashed = await hashInlineUsers(users, async () => 'hash')
    t.match(hashed, [
      { passwordHash: 'hash', digestSecret: digestSecretOf('clown', 'bigclown') },
      { digestSecret: undefined },
      { tokens: [{ name: 'configuration' }], digestSecret: digestSecretOf('machine', token) },
    ])
  },
)
