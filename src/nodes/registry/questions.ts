import type { Bus } from '../../bus/bus.ts'
import type { AlarmClock } from '../../core/clock.ts'
import type { Message } from '../../core/message.ts'
import type { ClownModel } from '../clown-model.ts'
import type { KnownStates } from './known-states.ts'
import type { Registry } from './registry.ts'

/** Asks devices to report, where their convention has a way to be asked, so that what is unknown does not stay so. */
export interface Questions {
  /** Asks, each in its turn, the devices of the node of `base` whose state is not known. */
  askNode(base: string): void
  /** Asks a device at once; returns whether it can be asked. */
  askNow(device: string): boolean
  close(): void
}

export interface QuestionsOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly registry: Pick<Registry, 'nodes' | 'isOffline' | 'device'>
  readonly states: Pick<KnownStates, 'isKnown'>
  readonly model: Pick<ClownModel, 'questionTo'>
  readonly clock: Pick<AlarmClock, 'after'>
}

/** Of all nodes together: 20 a second, so that a house that comes back at once is not flooded. */
const pauseMs = 50

/** A question is for who is there: at QoS 0 none waits for a node that is away or sleeps. */
export function createQuestions(options: QuestionsOptions): Questions {
  const { bus, registry, states, model, clock } = options
  const waiting = new Set<string>()
  let stop: (() => void) | undefined
  let isClosed = false
  const askNow = (device: string) => {
    const question: Message | undefined = model.questionTo(device)
    if (question !== undefined) bus.publish(question)
    return question !== undefined
  }
  const isToBeAsked = (topic: string) => {
    const node = registry.device(topic)?.node
    return node !== undefined && !registry.isOffline(node.base) && !states.isKnown(topic)
  }
  const askNext = () => {
    stop = undefined
    for (const topic of waiting) {
      waiting.delete(topic)
      // It may have reported meanwhile, or be gone.
      if (isToBeAsked(topic) && askNow(topic)) break
    }
    if (waiting.size > 0) stop = clock.after(pauseMs, askNext)
  }
  return {
    askNow,
    askNode: (base) => {
      if (isClosed) return
      for (const topic of registry.nodes.get(base)?.devices.keys() ?? []) {
        if (isToBeAsked(topic)) waiting.add(topic)
      }
      if (waiting.size > 0) stop ??= clock.after(pauseMs, askNext)
    },
    close: () => {
      isClosed = true
      stop?.()
    },
  }
}
