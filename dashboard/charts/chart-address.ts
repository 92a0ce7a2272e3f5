/** What a chart shows, as its address says: so it can be shared, and the browser goes back to it. */
import { hubTime } from '../clock.ts'
import { deviceOf, nodes } from '../devices/house.ts'
import { labelOf, quantitiesOf } from '../devices/quantities.ts'
import { fullName } from '../devices/tile-head.tsx'
import { hrefOf, route } from '../route.ts'
import type { Word } from '../words.ts'
import type { Chosen, Range } from './series.ts'

const hourMs = 3_600_000

export const lengths: readonly { key: string; word: Word; ms: number }[] = [
  { key: '1h', word: 'hour1', ms: hourMs },
  { key: '24h', word: 'hours24', ms: 24 * hourMs },
  { key: '7d', word: 'days7', ms: 7 * 24 * hourMs },
  { key: '30d', word: 'days30', ms: 30 * 24 * hourMs },
]

const [{ key: usualLength } = { key: '' }] = lengths

/** Which of `lengths` is shown; undefined where it is a time that stands still. */
export function lengthShown(): string | undefined {
  const { query } = route.value
  return query.has('from') ? undefined : (query.get('range') ?? usualLength)
}

export function rangeShown(): Range {
  const { query } = route.value
  const [fromMs, toMs] = [Date.parse(query.get('from') ?? ''), Date.parse(query.get('to') ?? '')]
  if (fromMs < toMs) return { fromMs, toMs, lengthMs: undefined }
  const lengthMs = lengths.find(({ key }) => key === lengthShown())?.ms ?? hourMs
  const nowMs = hubTime()
  return { fromMs: nowMs - lengthMs, toMs: nowMs, lengthMs }
}

/** A topic may have spaces, a quantity has them seldom: the last one parts them. */
export function chosenFrom(text: string): Chosen {
  const space = text.lastIndexOf(' ')
  return { topic: text.slice(0, space), quantity: text.slice(space + 1) }
}

export function chosenAsText({ topic, quantity }: Chosen): string {
  return `${topic} ${quantity}`
}

/** What is drawn; where nobody has chosen, the temperatures of the house, or what there is first. */
export function chosenShown(): Chosen[] {
  const { query } = route.value
  const named = query.getAll('q').map(chosenFrom)
  if (named.length > 0 || query.has('none')) return named
  const all = choices().flatMap(({ items }) => items)
  const temperatures = all.filter(({ quantity }) => quantity === 'temperature')
  return (temperatures.length > 0 ? temperatures : all).slice(0, 4)
}

/** All quantities that devices report, by node. */
export function choices(): { base: string; items: Chosen[] }[] {
  return (nodes.value ?? []).map(({ base, devices }) => ({
    base,
    items: devices.value.flatMap(({ topic, state }) =>
      quantitiesOf(state.peek().value)
        .filter(({ value }) => typeof value !== 'string')
        .map(({ name }) => ({ topic, quantity: name })),
    ),
  }))
}

/** As short as it can be told apart within its node. */
export function nameOf({ topic, quantity }: Chosen): string {
  const device = deviceOf(topic)
  if (device === undefined) return `${topic}, ${labelOf(quantity)}`
  const isAlone = quantitiesOf(device.state.peek().value).length === 1
  return isAlone ? fullName(device) : `${fullName(device)}, ${labelOf(quantity)}`
}

/** Where there are several nodes, which of them it is of. */
export function nodeNameOf({ topic }: Chosen): string {
  const isOnly = nodes.peek()?.length === 1
  return isOnly ? '' : (deviceOf(topic)?.node.base ?? '')
}

function go(change: (query: URLSearchParams) => void): void {
  const query = new URLSearchParams(route.peek().query)
  change(query)
  location.hash = hrefOf('charts', '', query).slice(1)
}

function put(query: URLSearchParams, chosen: readonly Chosen[]): void {
  query.delete('q')
  query.delete('none')
  for (const each of chosen) query.append('q', chosenAsText(each))
  if (chosen.length === 0) query.set('none', '')
}

export function choose(chosen: readonly Chosen[]): void {
  go((query) => put(query, chosen))
}

export function showLength(key: string): void {
  go((query) => {
    query.delete('from')
    query.delete('to')
    query.set('range', key)
  })
}

/** What is shown stays the same, also where nobody has chosen it. */
export function zoom(fromMs: number, toMs: number): void {
  const shown = chosenShown()
  go((query) => {
    put(query, shown)
    query.delete('range')
    query.set('from', new Date(fromMs).toISOString())
    query.set('to', new Date(toMs).toISOString())
  })
}
