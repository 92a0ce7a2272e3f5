import { setImmediate as turnOver } from 'node:timers/promises'
import { type Rights, rightsOf } from '../access/rights.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import type { Route } from '../core/route.ts'
import type { Conflicts } from '../nodes/registry/conflicts.ts'
import type { KnownNode } from '../nodes/registry/device-table.ts'
import { type Around, readableNodes } from '../nodes/registry/node-json.ts'
import type { Registry } from '../nodes/registry/registry.ts'
import { type AsUser, asOperator } from './as-user.ts'
import { sendChunks } from './history-route.ts'
import { answerJson, jsonType } from './json-exchange.ts'

export interface NodesRoutesOptions extends Omit<Around, 'nowMs'> {
  readonly asUser: AsUser
  readonly registry: Pick<Registry, 'nodes'>
  readonly clock?: Clock
  /** Learns from what has arrived, so that nothing is sent that is older. */
  settle(): void
}

interface ConflictsRouteOptions {
  readonly asUser: AsUser
  readonly conflicts: Pick<Conflicts, 'list'>
}

/** Who is in each other's way, for operators and admins. */
export function conflictsRoute({ asUser, conflicts }: ConflictsRouteOptions): Route {
  return {
    get: (exchange) => asOperator(asUser, exchange, () => ({ conflicts: conflicts.list() })),
  }
}

const folder = '/api/nodes'

/**
 * Serves what is known of nodes: all at `/api/nodes`, one at `/api/nodes/<base>`. Everybody is told
 * of the devices whose topics they may read.
 */
export function nodesRoutes(options: NodesRoutesOptions): (path: string) => Route | undefined {
  return (path) => {
    if (path === folder) {
      return {
        get: (exchange) =>
          options.asUser(exchange, (user) => {
            options.settle()
            const chunks = nodesJson(rightsOf(user), options)
            return sendChunks(exchange.response, { type: jsonType, chunks })
          }),
      }
    }
    if (!path.startsWith(`${folder}/`)) return undefined
    const base = decode(path.slice(folder.length + 1))
    return {
      get: (exchange) =>
        options.asUser(exchange, (user) =>
          answerJson(exchange.response, () => {
            options.settle()
            const node = options.registry.nodes.get(base ?? '')
            const [details] = readable(node ? [node] : [], rightsOf(user), options)
            if (details === undefined) throw unknownNode(path)
            return details
          }),
        ),
    }
  }
}

/** So many devices are sent before others have their turn: some 10 ms. */
const devicesPerTurn = 500

/** All nodes that may be seen, as JSON, as fast as they are read: however many there are, few are held at once. */
async function* nodesJson(
  rights: Rights,
  options: NodesRoutesOptions,
): AsyncGenerator<string, void, void> {
  let sent = 0
  let separator = '{"nodes":['
  for (const node of [...options.registry.nodes.values()].sort(byBase)) {
    for (const details of readable([node], rights, options)) {
      yield separator + JSON.stringify(details)
      separator = ','
    }
    sent += node.devices.size
    if (sent < devicesPerTurn) continue
    sent = 0
    await turnOver()
  }
  yield separator === ',' ? ']}\n' : '{"nodes":[]}\n'
}

function readable(nodes: readonly KnownNode[], rights: Rights, options: NodesRoutesOptions) {
  const { clock = systemClock } = options
  return readableNodes(nodes, rights, { ...options, nowMs: clock.nowMs() })
}

/** Percent-decodes a base; undefined when it is malformed. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function unknownNode(path: string): HubError {
  const message = `expected the base of a node of which you may read something, got ${quote(path)}`
  return new HubError('unknown-node', message)
}

function byBase(one: KnownNode, other: KnownNode): number {
  return one.base < other.base ? -1 : 1
}
