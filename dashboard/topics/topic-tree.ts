/** Every topic that has been heard while the view was open, with what it said last and how often. */
import type { Line } from '../link.ts'

export interface TopicNode {
  /** The last level of `topic`. */
  readonly name: string
  readonly topic: string
  readonly level: number
  readonly parent: TopicNode | undefined
  /** By the name of their level, sorted when they are looked at. */
  readonly children: Map<string, TopicNode>
  /** Messages of this topic and of all below. */
  count: number
  /** Of this topic itself; undefined for one that only has others below. */
  said: Said | undefined
  rate: Rate
  isSorted: boolean
}

export interface Said {
  readonly payload: unknown
  readonly isBase64: boolean
  readonly atMs: number
  /** The last that it said before that, and that was something else. */
  readonly before: unknown
}

/** Messages a second, of which those count less that are longer ago. */
interface Rate {
  readonly perSecond: number
  readonly atMs: number
}

/** After so long a message counts for a third. */
const memoryMs = 5000

export class TopicTree {
  readonly root: TopicNode = newNode('', undefined)
  topics = 0
  /** Grows with each change, for whoever draws. */
  version = 0
  readonly #byTopic = new Map<string, TopicNode>()
  #new: string[] = []

  /** The topics that have others below and were not there when this was asked for last. */
  takeNew(): string[] {
    const found = this.#new
    this.#new = []
    return found
  }

  /** Topics that begin like `text`, at most so many. */
  proposals(text: string, most: number): string[] {
    const found: string[] = []
    for (const topic of this.#byTopic.keys()) {
      if (topic.startsWith(text) && found.push(topic) === most) break
    }
    return found
  }

  get(topic: string): TopicNode | undefined {
    return this.#byTopic.get(topic)
  }

  hear({ topic, payload, isBase64, atMs }: Line): void {
    const node = this.#byTopic.get(topic) ?? this.#add(topic)
    if (node.said === undefined) this.topics++
    node.said = { payload, isBase64, atMs, before: otherBefore(node.said, payload) }
    for (let each: TopicNode | undefined = node; each !== undefined; each = each.parent) {
      each.count++
      each.rate = { perSecond: rateOf(each, atMs) + 1000 / memoryMs, atMs }
    }
    this.version++
  }

  #add(topic: string): TopicNode {
    let node = this.root
    for (const name of topic.split('/')) {
      let child = node.children.get(name)
      if (child === undefined) {
        child = newNode(name, node)
        node.children.set(name, child)
        node.isSorted = false
        if (node.children.size === 1 && node !== this.root) this.#new.push(node.topic)
      }
      node = child
    }
    this.#byTopic.set(topic, node)
    return node
  }
}

/** What is said again and again is not the difference that somebody looks for. */
function otherBefore(said: Said | undefined, payload: unknown): unknown {
  return said !== undefined && oneLine(said.payload) === oneLine(payload)
    ? said.before
    : said?.payload
}

function newNode(name: string, parent: TopicNode | undefined): TopicNode {
  const isTop = parent === undefined || parent.parent === undefined
  return {
    name,
    topic: isTop ? name : `${parent.topic}/${name}`,
    level: parent === undefined ? 0 : parent.level + 1,
    parent,
    children: new Map(),
    count: 0,
    said: undefined,
    rate: { perSecond: 0, atMs: 0 },
    isSorted: true,
  }
}

/** Messages a second, now. */
export function rateOf({ rate }: TopicNode, nowMs: number): number {
  return rate.perSecond * Math.exp((rate.atMs - nowMs) / memoryMs)
}

function childrenOf(node: TopicNode): Iterable<TopicNode> {
  if (!node.isSorted) {
    const sorted = [...node.children].sort(([one], [other]) => (one < other ? -1 : 1))
    node.children.clear()
    for (const [name, child] of sorted) node.children.set(name, child)
    node.isSorted = true
  }
  return node.children.values()
}

/** What stands in the list: each node whose ancestors are all open, or each topic that is wanted. */
export function rowsOf(
  { root }: TopicTree,
  isOpen: (node: TopicNode) => boolean,
  isWanted: ((node: TopicNode) => boolean) | undefined,
): TopicNode[] {
  const rows: TopicNode[] = []
  const isShown = (node: TopicNode) =>
    isWanted === undefined || (node.said !== undefined && isWanted(node))
  const visit = (node: TopicNode) => {
    for (const child of childrenOf(node)) {
      if (isShown(child)) rows.push(child)
      if (isWanted !== undefined || isOpen(child)) visit(child)
    }
  }
  visit(root)
  return rows
}

/** A filter with `+` or `#` is one of MQTT [MQTT 5, 4.7.1]; any other text is looked for in topics and payloads. */
export function wantedBy(text: string): ((node: TopicNode) => boolean) | undefined {
  if (text === '') return undefined
  if (/(^|\/)(\+|#)(\/|$)/.test(text)) {
    const filter = text.split('/')
    return ({ topic }) => matches(filter, topic.split('/'))
  }
  const lower = text.toLowerCase()
  return ({ topic, said }) =>
    topic.toLowerCase().includes(lower) ||
    (said !== undefined && oneLine(said.payload).toLowerCase().includes(lower))
}

function matches(filter: readonly string[], topic: readonly string[]): boolean {
  const isAnyBelow = filter.at(-1) === '#'
  const levels = isAnyBelow ? filter.slice(0, -1) : filter
  const isLong = isAnyBelow ? topic.length >= levels.length : topic.length === levels.length
  return isLong && levels.every((level, at) => level === '+' || level === topic[at])
}

/** A payload as it fits into a line. */
export function oneLine(payload: unknown): string {
  return typeof payload === 'string' ? payload : (JSON.stringify(payload) ?? '')
}
