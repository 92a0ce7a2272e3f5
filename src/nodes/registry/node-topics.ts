import type { Bus } from '../../bus/bus.ts'
import { Payload } from '../../core/payload.ts'
import type { KnownNode } from './device-table.ts'
import { summaryOf } from './node-json.ts'

/** Keeps `$SYS/hub/nodes/<base>` on the bus, for everybody who may read it. */
export interface NodeTopics {
  /** Tells of a node now. */
  atOnce(node: KnownNode): void
  /** Tells of a node at the next `flush`. */
  soon(node: KnownNode): void
  gone(node: KnownNode): void
  flush(): void
}

export function createNodeTopics({ publish }: Pick<Bus, 'publish'>): NodeTopics {
  const waiting = new Set<KnownNode>()
  const tell = ({ base }: KnownNode, payload: Payload) =>
    publish({ topic: `$SYS/hub/nodes/${base}`, payload, qos: 0, retain: true })
  const atOnce = (node: KnownNode) => {
    waiting.delete(node)
    const summary = summaryOf(node)
    tell(node, Payload.ofJson(JSON.stringify(summary), summary))
  }
  return {
    atOnce,
    soon: (node) => waiting.add(node),
    gone: (node) => {
      waiting.delete(node)
      // [MQTT-3.3.1-10] An empty value takes the one before away.
      tell(node, new Payload(Buffer.alloc(0)))
    },
    flush: () => {
      for (const node of waiting) atOnce(node)
    },
  }
}
