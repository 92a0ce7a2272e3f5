import { chmodSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { hubAddress } from '../../src/cli/hub-address.ts'
import { writePrivate } from '../access/users.ts'
import { testFolder } from '../test-folder.ts'

const lab = { url: 'http://127.0.0.1:8080', user: 'clown', password: 'bigclown' }
const nothing = { environment: {} }

t.test('without a word about it, the hub of the lab is meant', async (t) => {
  t.same(hubAddress({}, nothing), lab)
})

t.test('a variable names another hub, and the command line goes before it', async (t) => {
  const environment = { CLOWN_HUB_URL: 'https://bob:s3cret@hub.local/hub/' }
  const ofVariable = { url: 'https://hub.local/hub', user: 'bob', password: 's3cret' }
  t.same(hubAddress({}, { environment }), ofVariable)
  t.same(hubAddress({ url: 'http://clown:bigclown@127.0.0.1:8080' }, { environment }), lab)
})

t.test('user and password are percent-decoded, whatever they hold', async (t) => {
  const word = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(word, word, (user, password) => {
      const url = `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@[::1]:8080`
      const address = hubAddress({ url }, nothing)
      t.same(address, { url: 'http://[::1]:8080', user, password })
      return true
    }),
  )
})

t.test('a password may stand in a file that others cannot read', async (t) => {
  const file = `${testFolder(t)}/password`
  writePrivate(file, 's3cret\n')
  const values = { url: 'http://bob@127.0.0.1:8080', 'password-file': file }
  const address = { url: 'http://127.0.0.1:8080', user: 'bob', password: 's3cret' }
  t.same(hubAddress(values, nothing), address)
  t.same(hubAddress({ ...values, url: 'http://bob:old@127.0.0.1:8080' }, nothing), address)
  chmodSync(file, 0o644)
  t.throws(() => hubAddress(values, nothing), { code: 'exposed-secret' })
  t.throws(() => hubAddress({ 'password-file': `${file}s` }, nothing), { code: 'unreadable-file' })
})

t.test('who is nobody is told how to say who they are', async (t) => {
  const environment = { CLOWN_HUB_URL: 'http://127.0.0.1:8080' }
  t.throws(() => hubAddress({}, { environment }), {
    code: 'cannot-connect',
    message:
      'expected a user and a password for the hub at http://127.0.0.1:8080: write them in ' +
      'CLOWN_HUB_URL, or the user there and the password in a file that --password-file names',
  })
  for (const url of ['http://bob@127.0.0.1:8080', 'http://:s3cret@127.0.0.1:8080']) {
    const message =
      /^expected a user and a password for the hub at http:\/\/127.*in --url, (?!.*s3)/
    t.throws(() => hubAddress({ url }, nothing), { code: 'cannot-connect', message })
  }
})

t.test('what is no address of a hub is refused, and its password is not repeated', async (t) => {
  for (const url of [
    '',
    'secret',
    '127.0.0.1:8080',
    'ws://clown:secret@127.0.0.1',
    'mqtt://clown:secret@127.0.0.1',
    'http://clown:secret@127.0.0.1:port',
    'http://clown:12/secret@127.0.0.1',
    'http://clown:12?secret@127.0.0.1',
    'http://clown:12#secret@127.0.0.1',
    'http://clown:secret%zz@127.0.0.1',
    'http://clo%zz:secret@127.0.0.1',
  ]) {
    const message =
      /^expected --url to be like http:\/\/user:password@127\.0\.0\.1:8080, (?!.*secret)/
    t.throws(() => hubAddress({ url }, nothing), { code: 'cannot-connect', message }, url)
  }
  const environment = { CLOWN_HUB_URL: 'hub' }
  const message = /^expected CLOWN_HUB_URL to be like/
  t.throws(() => hubAddress({}, { environment }), { code: 'cannot-connect', message })
})
