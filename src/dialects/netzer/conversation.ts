/** A websocket: commands are answered in their order, and between them comes what triggers tell. */
import type { Logger } from 'pino'
import type { Visitor } from '../../nodes/served/visitors.ts'
import type { Conversation, ServedLink } from '../served-dialect.ts'
import { answerTo, pinPath, type Triggers, triggerPath } from './answering.ts'
import type { Board } from './board.ts'
import { commandCodec, type NetzerCommand } from './command.ts'
import type { Pin } from './pins.ts'
import { replyCodec } from './reply.ts'

/** So many commands may wait for their answers. */
const mostWaiting = 64

export interface ConversationParts {
  readonly visitor: Visitor
  readonly board: Board
  readonly log: Pick<Logger, 'error'>
}

export function converse(
  link: ServedLink,
  { visitor, board, log }: ConversationParts,
): Conversation {
  const triggers: Triggers = new Map()
  const told = new Map<string, string | undefined>()
  const turns = createTurns(link, log)
  const push = (pin: Pin, value: string) =>
    link.send(replyCodec.encode(new Map([[pinPath + pin.index, value]])), pin.index)
  const pushPresent = (index: string) => {
    const pin = board.pins.at(index)
    const value = pin && visitor.mayRead(pin.topic) ? board.value(pin) : undefined
    told.set(index, value)
    if (pin !== undefined && value !== undefined) push(pin, value)
  }
  const stop = board.onChange((pin) => {
    const trigger = triggers.get(pin.index) ?? '0'
    if (trigger === '0' || !visitor.mayRead(pin.topic)) return
    const before = told.get(pin.index)
    const now = board.value(pin)
    told.set(pin.index, now)
    if (now !== undefined && now !== before && isEdge(trigger, before, now)) push(pin, now)
  })
  return {
    receive: (frame) => {
      if (!turns.hasRoom()) return
      const command = commandCodec.decode(frame)
      const { outcome, give } = answerTo(command, { visitor, triggers }, board)
      turns.take(outcome, () => {
        link.send(replyCodec.encode(give()))
        const watched = command && watchedBy(command, triggers)
        if (watched !== undefined) pushPresent(watched)
      })
    },
    closed: stop,
  }
}

/** Whether a change is one that the trigger tells of; of a pin that said nothing any is. */
function isEdge(trigger: '1' | '2' | '3', before: string | undefined, now: string): boolean {
  if (trigger === '3' || before === undefined) return true
  return trigger === '1' ? Number(now) > Number(before) : Number(now) < Number(before)
}

/** The pin whose trigger is on now by this command. */
function watchedBy({ path, value }: NetzerCommand, triggers: Triggers): string | undefined {
  const index = path.slice(-1)
  const isSet = path === triggerPath + index && value !== undefined
  return isSet && (triggers.get(index) ?? '0') !== '0' ? index : undefined
}

/** Lets answers go out in the order of their commands. */
function createTurns(link: Pick<ServedLink, 'close'>, log: Pick<Logger, 'error'>) {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return {
    /** Whether one more may wait; otherwise its link closes. */
    hasRoom: () => {
      // The IANA registry of RFC 6455, 11.7: 1013, try again later.
      if (waiting >= mostWaiting) link.close(1013, 'too many commands wait for their answers')
      return waiting < mostWaiting
    },
    /** Calls `act` after all before it, and after `outcome`. */
    take: (outcome: Promise<unknown> | undefined, act: () => void) => {
      waiting++
      last = Promise.all([last, outcome])
        .then(act)
        .catch((error: unknown) => {
          log.error({ err: error }, 'a command could not be answered')
          // RFC 6455, 7.4.1: 1011, an unexpected condition.
          link.close(1011, 'the hub could not answer a command')
        })
        .then(() => waiting--)
    },
  }
}
