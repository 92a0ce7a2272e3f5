import type { Sender } from '../access/sender.ts'
import type { Message } from '../core/message.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Admit } from './admission.ts'
import { shapeOf } from './clown-model.ts'

/** As `Admit`; undefined when the message is to be dropped without a word. */
export type AdmitOrDrop = (message: Message, sender: Sender) => Message | undefined

export interface LoadSheddingOptions {
  readonly admit: Admit
  isOverloaded(): boolean
  /** Nothing new may be kept. */
  isOutOfMemory(): boolean
  readonly sampledLog: SampledLog
}

/**
 * `admit`, but while the hub is overloaded reports at QoS 0 are dropped before any work is done on
 * them: the next one follows soon. Commands, requests and their answers are not, and nothing that is
 * to be kept or acknowledged. Short of memory, what is to be kept is delivered and not kept.
 */
export function shedReports(options: LoadSheddingOptions): AdmitOrDrop {
  const { admit, isOverloaded, isOutOfMemory, sampledLog } = options
  return (message, sender) => {
    if (isOverloaded() && isReport(message)) {
      sampledLog.warn('reports-shed', { topic: message.topic }, 'overloaded: a report was dropped')
      return undefined
    }
    const admitted = admit(message, sender)
    if (!isOutOfMemory() || !takesMemory(admitted)) return admitted
    const fields = { topic: admitted.topic }
    sampledLog.warn('retained-refused', fields, 'short of memory: a value was not retained')
    return { ...admitted, retain: false }
  }
}

/** [MQTT-3.3.1-10] An empty value frees memory. */
function takesMemory({ retain, payload }: Message): boolean {
  return retain && payload.bytes.length > 0
}

function isReport({ topic, qos, retain }: Message): boolean {
  return qos === 0 && !retain && shapeOf(topic) === 'report'
}
