import t from 'tap'
import { createSignedIn } from '../../../src/access/signed-in.ts'
import { HubError } from '../../../src/core/errors.ts'
import type { Receipt } from '../../../src/core/message.ts'
import type { MessagePath } from '../../../src/nodes/message-path.ts'
import { createDialectUsers } from '../../../src/nodes/served/dialect-users.ts'
import { changingDirectory, userNamed } from '../../access/changing-directory.ts'
import { steppedClock } from '../../clock.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const ann = userNamed('ann', { role: 'operator' })
const arrival = { user: ann, address: '192.0.2.1', way: 'deconz' }

/** Users whose commands `enter` takes. */
function opened(enter: MessagePath['enter']) {
  const directory = changingDirectory(ann)
  const clock = steppedClock()
  const signedIn = createSignedIn(directory)
  const dialectUsers = createDialectUsers({ enter, signedIn, findUser: directory.find, clock })
  return { dialectUsers, clock, directory }
}

const confirmed: Receipt = { receipt: 'confirmed', afterMs: 5, final: true }

t.test('a command is one of its user, on the way it came', async (t) => {
  const { dialectUsers } = opened((message, sender) => {
    t.match(message, { topic: `${relay}/set`, qos: 1, retain: false })
    t.equal(String(message.payload.bytes), '{"state":true}')
    t.match(sender, { user: 'ann', address: '192.0.2.1', way: 'deconz' })
    sender.watcher?.changed?.({ receipt: 'accepted', afterMs: 0 })
    sender.watcher?.ended?.(confirmed)
    return undefined
  })
  const dialectUser = dialectUsers.of(arrival)
  t.equal(dialectUser.user, 'ann')
  t.same(await dialectUser.command(relay, { state: true }), confirmed)
})

t.test('who would wait for more than a second is told how far it is', async (t) => {
  const sent: Receipt = { receipt: 'sent', afterMs: 1 }
  const { dialectUsers, clock } = opened((_message, { watcher }) => {
    watcher?.changed?.(sent)
    return undefined
  })
  const outcome = dialectUsers.of(arrival).command(relay, { state: true })
  clock.step(1000)
  t.same(await outcome, sent)
})

t.test('a refusal is an answer, and a defect is none', async (t) => {
  const refusing = opened(() => {
    throw new HubError('forbidden', 'expected somebody else')
  })
  t.match(await refusing.dialectUsers.of(arrival).command(relay, {}), {
    receipt: 'refused',
    code: 'forbidden',
    message: 'expected somebody else',
    final: true,
  })
  const broken = opened(() => {
    throw new TypeError('a defect')
  })
  await t.rejects(broken.dialectUsers.of(arrival).command(relay, {}), { message: 'a defect' })
})

t.test('who stays has the rights of now, and is told when that ends', async (t) => {
  const { dialectUsers, directory } = opened(() => undefined)
  let hasEnded = false
  const { dialectUser, leave } = dialectUsers.enter(
    { ...arrival, base: 'nodes', connection: {} },
    () => {
      hasEnded = true
    },
  )
  t.ok(dialectUser.mayRead(relay))
  t.ok(dialectUser.mayCommand(relay))
  directory.change(userNamed('ann', { role: 'viewer' }))
  t.ok(dialectUser.mayRead(relay))
  t.notOk(dialectUser.mayCommand(relay))
  directory.change()
  t.ok(hasEnded)
  leave()
})

t.test('the page of a stranger reads and does not command, also when rights change', async (t) => {
  const { dialectUsers, directory } = opened((_message, { rights }) => {
    t.notOk(rights.mayPublish(`${relay}/set`, false).allowed)
    throw new HubError('forbidden', 'expected somebody else')
  })
  const user = dialectUsers.readOnly(ann)
  const once = dialectUsers.of({ ...arrival, user })
  const { dialectUser, leave } = dialectUsers.enter(
    { ...arrival, user, base: '', connection: {} },
    () => {},
  )
  for (const role of ['operator', 'admin'] as const) {
    directory.change(userNamed('ann', { role }))
    for (const one of [once, dialectUser]) {
      t.ok(one.mayRead(relay))
      t.notOk(one.mayCommand(relay))
      t.match(await one.command(relay, {}), { receipt: 'refused' })
    }
  }
  leave()
})

t.test('what a stranger’s page sends is refused by its rights', async (t) => {
  const { dialectUsers } = opened((_message, { rights }) => {
    t.notOk(rights.mayPublish(`${relay}/set`, false).allowed)
    throw new HubError('forbidden', 'expected somebody else')
  })
  const dialectUser = dialectUsers.of({ ...arrival, user: dialectUsers.readOnly(ann) })
  t.match(await dialectUser.command(relay, { state: true }), { code: 'forbidden' })
})

t.test('who asks once and waits has the rights of the end, not of the beginning', async (t) => {
  const { dialectUsers, directory } = opened(() => undefined)
  const asking = dialectUsers.of(arrival)
  const page = dialectUsers.of({ ...arrival, user: dialectUsers.readOnly(ann) })
  t.same([asking.mayRead(relay), asking.mayCommand(relay)], [true, true])
  t.same([page.mayRead(relay), page.mayCommand(relay)], [true, false])
  directory.change(userNamed('ann', { role: 'operator', rules: [{ deny: ['read'], topic: '#' }] }))
  t.same([asking.mayRead(relay), asking.mayCommand(relay)], [false, true])
  t.same([page.mayRead(relay), page.mayCommand(relay)], [false, false])
  directory.change()
  t.same([asking.mayRead(relay), asking.mayCommand(relay)], [false, false])
})
