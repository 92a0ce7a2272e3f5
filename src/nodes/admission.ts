import { HubError } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { checkTopic } from '../core/topic.ts'
import { type ClownModel, shapeOf } from './clown-model.ts'

/** What goes on the bus in place of `message`, whatever way it came in. */
export type Admit = (message: Message) => Message

/**
 * The one gate to the bus. Commands and requests that break their schema are refused. Anything else
 * that does is passed on, counted and logged: a reading with a fault is better than none.
 *
 * The answered function throws HubError `bad-topic` or `bad-payload`.
 */
export function createAdmission(model: ClownModel, sampledLog: SampledLog): Admit {
  return (message) => {
    const { topic } = message
    checkTopic(topic)
    const problem = model.problemOf(message)
    const shape = shapeOf(topic)
    if (shape !== 'command' && shape !== 'request') {
      if (problem !== undefined) {
        sampledLog.warn('report-breaks-schema', { topic, problem }, 'a report breaks its schema')
      }
      return message
    }
    if (problem !== undefined) {
      sampledLog.warn('command-refused', { topic, problem }, 'a command breaks its schema')
      throw new HubError('bad-payload', problem)
    }
    return message.retain ? withoutRetain(message, sampledLog) : message
  }
}

/** A retained command would switch a node that connects tomorrow. */
function withoutRetain(message: Message, sampledLog: SampledLog): Message {
  const fields = { topic: message.topic }
  sampledLog.warn('command-not-retained', fields, 'a command came with the retain flag: removed')
  return { ...message, retain: false }
}
