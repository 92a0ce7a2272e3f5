import t from 'tap'
import type { Receipt } from '../../../src/core/message.ts'
import type { CommandsOptions, Translation } from '../../../src/nodes/commands/commands.ts'
import { clown } from '../../senders.ts'
import { messageOn, openedCommands, timeoutMs } from './opened-commands.ts'

const plug = 'devices/puppet/n/cover/-'

/** Commands to a cover of a profile, which goes by another topic and other words. */
function opened(more: Partial<Translation> = {}, options: Partial<CommandsOptions> = {}) {
  const { commands, ...rest } = openedCommands(options)
  const receipts: Receipt[] = []
  const watcher = { changed: (receipt: Receipt) => receipts.push(receipt) }
  const translation = {
    outgoing: [messageOn('raw/command', 'DOWN'), messageOn('raw/light', 'OFF')],
    goal: { state: 'closed' },
    isConfirmable: true,
    ...more,
  }
  const message = messageOn(`${plug}/set`, { state: 'close' })
  const request = { device: plug, message, sender: { ...clown, watcher }, translation }
  const last = () => receipts.at(-1)
  return { commands, request, receipts, last, ...rest }
}

t.test(
  'what is translated goes out as its device takes it, and is confirmed by what that leads to',
  async (t) => {
    const { commands, request, published, reports, last, clock } = opened()
    commands.take(request)
    t.match(published, [{ topic: 'raw/command' }, { topic: 'raw/light' }])
    t.equal(commands.isFollowed(plug), true)
    t.equal(commands.isFollowed('another'), false)
    clock.step(1)
    reports({ state: 'closed' }, plug)
    t.match(last(), { receipt: 'confirmed', final: true })
  },
)

t.test('what cannot be confirmed ends as sent, and says so', async (t) => {
  const { commands, request, receipts, clock } = opened({ isConfirmable: false })
  commands.take(request)
  clock.step(timeoutMs)
  t.match(receipts.slice(1), [{ receipt: 'sent', final: true, message: /cannot be confirmed/ }])
})

t.test('what cannot be confirmed goes out, too, when the disk has it first', async (t) => {
  const acts: (() => unknown)[] = []
  const kept = { isKeptFirst: () => true, whenKept: (act: () => unknown) => void acts.push(act) }
  const { commands, request, published } = opened({ isConfirmable: false }, kept)
  commands.take(request)
  t.equal(published.length, 0)
  for (const act of acts) act()
  t.equal(published.length, 2)
})

t.test('a device refuses a command that it was sent, while that is open', async (t) => {
  const { commands, request, last, clock } = opened()
  commands.denied(plug, 'nobody has asked')
  commands.taken(plug, 1)
  commands.take(request)
  commands.denied(plug, 'no such thing')
  const refused = { receipt: 'refused', code: 'refused-by-device', message: 'no such thing' }
  t.match(last(), { ...refused, final: true })
  commands.denied(plug, 'again')
  commands.taken(plug, 1000)
  clock.step(2 * timeoutMs)
  t.match(last(), refused)
})

t.test('a device that reports otherwise may refuse still', async (t) => {
  const { commands, request, reports, last } = opened()
  commands.take(request)
  reports({ state: 'open' }, plug)
  commands.denied(plug, 'blocked')
  t.match(last(), { receipt: 'refused', message: 'blocked' })
})

t.test('a device that has taken a command may need longer', async (t) => {
  const { commands, request, last, clock } = opened()
  commands.take(request)
  clock.step(timeoutMs - 1)
  commands.taken(plug, 60_000)
  clock.step(59_999)
  t.match(last(), { receipt: 'sent' })
  clock.step(1)
  t.match(last(), { receipt: 'timed-out', final: true })
})

t.test(
  'who has said how long they wait does not wait longer for one that has taken it',
  async (t) => {
    const { commands, request, last, clock } = opened()
    commands.take({ ...request, sender: { ...request.sender, timeoutMs: 100 } })
    commands.taken(plug, 60_000)
    clock.step(100)
    t.match(last(), { receipt: 'timed-out', final: true })
  },
)

t.test(
  'what somebody else has sent lives from there on, and counts for the rules of its device',
  async (t) => {
    const sent: unknown[] = []
    const relayGuard = { check: () => undefined, sent: (command: unknown) => sent.push(command) }
    const { commands, request, published, reports, told, clock } = opened(
      { outgoing: [] },
      { relayGuard },
    )
    commands.observe(request)
    t.same(published, [])
    t.match(sent, [{ device: plug, asked: { state: 'close' } }])
    clock.step(1)
    reports({ state: 'closed' }, plug)
    t.same(told, [
      [plug, 'sent'],
      [plug, 'confirmed'],
    ])
  },
)
