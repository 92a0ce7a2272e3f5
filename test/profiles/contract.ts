import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Profile } from '../../src/nodes/profiles/profile.ts'
import { byId, playTo } from './play.ts'

/** A conversation with hardware, and what the hub is to make of it. */
export interface Conversation {
  readonly about: string
  readonly messages: readonly {
    readonly topic: string
    readonly payload: string
    readonly retain: boolean
  }[]
  readonly commands?: readonly ConversationCommand[]
  readonly expect: {
    readonly devices: readonly { readonly id: string; readonly [key: string]: unknown }[]
  }
}

/** What is asked of a device before a message of its conversation, by index, and which of the later ones answers it. */
interface ConversationCommand {
  readonly device: string
  readonly ask: unknown
  readonly before: number
  readonly sends: readonly { readonly topic: string; readonly payload: string }[]
  readonly confirmedBy?: number
  readonly deniedBy?: number
}

/** The conversations of a file in test/fixtures/devices. */
export function conversationsOf(file: string): Conversation[] {
  const url = new URL(`../fixtures/devices/${file}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as Conversation[]
}

export interface ContractOptions {
  /** The files of its conversations in test/fixtures/devices. */
  readonly files: readonly string[]
  /** Those that are another profile's are left out. */
  isOurs?(conversation: Conversation): boolean
}

/** Every promise that any profile makes, by its conversations. */
export function profileContract(t: Test, create: () => Profile, options: ContractOptions): void {
  const { files, isOurs = () => true } = options
  const conversations = files.flatMap(conversationsOf).filter(isOurs)

  for (const conversation of conversations) {
    t.test(conversation.about, async (t) => playConversation(t, create(), conversation))
  }

  t.test('what was retained before it is opened is known, and confirms nothing', async (t) => {
    for (const { about, messages, expect } of conversations) {
      const retained = messages.filter(({ retain }) => retain)
      const last = new Map(retained.map((each) => [each.topic, each]))
      const playing = playTo(create(), {
        retained: [...last.values()].filter(({ payload }) => payload !== ''),
      })
      const ids = expect.devices.map(({ id }) => id)
      const unexpected = playing.shown().filter(({ id }) => !ids.includes(id))
      t.same(unexpected, [], about)
      const reports = playing.told.filter(({ what }) => what === 'reported')
      t.ok(reports.every((report) => 'from' in report && report.from === 'memory'))
    }
  })

  t.test('no payload makes it fail, on no topic of theirs', async () => {
    const topics = conversations.flatMap(({ messages }) => messages.map(({ topic }) => topic))
    const payloads = conversations.flatMap(({ messages }) => messages.map(({ payload }) => payload))
    const anyPayload = fc.oneof(
      fc.json(),
      fc.constantFrom(...payloads, '', 'null', '[]', '{}', '"x"', '1e999'),
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    )
    const anyMessage = fc.tuple(fc.constantFrom(...topics), anyPayload, fc.boolean())
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 30 }), (messages) => {
        const playing = playTo(create())
        for (const [topic, payload, retain] of messages) playing.hear(topic, payload, retain)
        playing.clock.step(86_400_000)
      }),
      { numRuns: 50 },
    )
  })

  t.test('two that are opened share nothing', async (t) => {
    const profile = create()
    const [one, other] = [playTo(profile), playTo(profile)]
    for (const { messages } of conversations) {
      for (const { topic, payload, retain } of messages) one.hear(topic, payload, retain)
    }
    t.same(other.shown(), [])
  })
}

/** Plays one conversation from beginning to end, and compares after each message. */
function playConversation(t: Test, profile: Profile, conversation: Conversation): void {
  const { messages, commands = [], expect } = conversation
  const playing = playTo(profile)
  const asked = new Map<ConversationCommand, number>()
  for (const [at, { topic, payload, retain }] of messages.entries()) {
    for (const command of commands.filter(({ before }) => before === at)) {
      const sent = playing.ask(command.device, command.ask)
      t.same(readable(sent), readable(command.sends), `${command.device} is asked`)
      asked.set(command, playing.told.length)
    }
    playing.hear(topic, payload, retain)
    for (const [{ device, ask, confirmedBy = Infinity, deniedBy = Infinity }, from] of asked) {
      const isConfirmed = playing.isConfirmed(device, ask, from)
      t.equal(isConfirmed, at >= confirmedBy, `whether message ${at} confirms it`)
      t.equal(playing.isRefused(device, from), at >= deniedBy, `whether message ${at} refuses it`)
    }
  }
  t.equal(asked.size, commands.length)
  t.same(playing.shown(), [...expect.devices].sort(byId))
}

/** JSON is compared as such: the order of its keys, and what stands between, is the profile's own. */
function readable(sends: readonly { readonly topic: string; readonly payload: string }[]) {
  return sends.map(({ topic, payload }) => ({ topic, payload: parsed(payload) }))
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return payload
  }
}
