import type { Message } from '../core/message.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Admit } from './admission.ts'
import { shapeOf } from './clown-model.ts'

/** As `Admit`; undefined when the message is to be dropped without a word. */
export type AdmitOrDrop = (message: Message) => Message | undefined

export interface LoadSheddingOptions {
  readonly admit: Admit
  isOverloaded(): boolean
  readonly sampledLog: SampledLog
}

/**
 * `admit`, but while the hub is overloaded reports at QoS 0 are dropped before any work is done on
 * them: the next one follows soon. Commands, requests and their answers are not, and nothing that is
 * to be kept or acknowledged.
 */
export function shedReports({ admit, isOverloaded, sampledLog }: LoadSheddingOptions): AdmitOrDrop {
  return (message) => {
    if (!isOverloaded() || !isReport(message)) return admit(message)
    sampledLog.warn('reports-shed', { topic: message.topic }, 'overloaded: a report was dropped')
    return undefined
  }
}

function isReport({ topic, qos, retain }: Message): boolean {
  return qos === 0 && !retain && shapeOf(topic) === 'report'
}
