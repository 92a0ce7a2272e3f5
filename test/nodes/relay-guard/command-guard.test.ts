import t from 'tap'
import type { Message } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import { autoOff, createCommandGuard } from '../../../src/nodes/relay-guard/command-guard.ts'
import { createDeviceRules } from '../../../src/nodes/relay-guard/device-rules.ts'
import { clown } from '../../senders.ts'

function messageOn(topic: string): Message {
  const payload = Payload.ofJson('{"state":true}', { state: true })
  return { topic, payload, qos: 0, retain: false }
}

/** A guard whose parts tell what they are asked. */
function opened(rules = createDeviceRules({ timeoutSeconds: 5, rules: [] }), isKnown = true) {
  const calls: unknown[][] = []
  const guard = createCommandGuard({
    takeRate: (user) => calls.push(['rate', user]),
    isKnown: () => isKnown,
    relayGuard: {
      check: ({ device, asked }) => {
        calls.push(['check', device, asked])
        return undefined
      },
      checkLock: ({ device, asked }) => calls.push(['lock', device, asked]),
      sent: ({ device, asked }) => calls.push(['sent', device, asked]),
      reported: (device, value) => calls.push(['reported', device, value]),
    },
    rules,
  })
  return { calls, guard }
}

t.test('a command passes the rate of its user and the guard of its device', async (t) => {
  const { calls, guard } = opened()
  const request = { device: 'n/relay/1', message: messageOn('n/relay/1/set'), sender: clown }
  guard.count(request)
  guard.check(request)
  guard.sent(request)
  t.same(calls, [
    ['rate', 'clown'],
    ['check', 'n/relay/1', { state: true }],
    ['sent', 'n/relay/1', { state: true }],
  ])
})

t.test('nothing but a lock stands against what the hub turns off itself', async (t) => {
  const { calls, guard } = opened()
  const message = messageOn('n/relay/1/set')
  const own = { device: 'n/relay/1', message, sender: autoOff }
  guard.count(own)
  guard.check(own)
  t.ok(guard.isOwn(own))
  t.same(calls, [['lock', 'n/relay/1', { state: true }]])
  t.ok(autoOff.rights.mayPublish(message.topic, false).allowed)
  guard.count({ device: 'n/relay/1', message, sender: { ...clown, user: 'hub' } })
  t.same(calls[1], ['rate', 'hub'], 'a user of that name is a user')
})

t.test('reports of guarded devices are handed on, and nothing else', async (t) => {
  const { calls, guard } = opened()
  for (const topic of ['n/relay/1', 'n/led/-']) guard.reported(messageOn(topic))
  t.same(calls, [['reported', 'n/relay/1', { state: true }]])
  const all = opened(createDeviceRules({ timeoutSeconds: 5, rules: [{ autoOffSeconds: 1 }] }))
  all.guard.reported(messageOn('n/led/-'))
  t.same(all.calls, [['reported', 'n/led/-', { state: true }]])
})
