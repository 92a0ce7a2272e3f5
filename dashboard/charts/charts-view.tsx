import { type Signal, useComputed, useSignal, useSignalEffect } from '@preact/signals'
import type { JSX } from 'preact'
import { hubTime } from '../clock.ts'
import { Copyable } from '../copyable.tsx'
import { quantitiesOf } from '../devices/quantities.ts'
import { reasonOf } from '../failures.tsx'
import { Icon } from '../icons.tsx'
import { type Line, onLine } from '../link.ts'
import { t } from '../words.ts'
import {
  choices,
  choose,
  chosenAsText,
  chosenFrom,
  chosenShown,
  lengthShown,
  lengths,
  nameOf,
  rangeShown,
  showLength,
  zoom,
} from './chart-address.ts'
import { Legend } from './legend.tsx'
import { Plot } from './plot.tsx'
import { type ChartSeries, csvOf, loadSeries, ndjsonOf, type Range, withValue } from './series.ts'
import '../style/charts.css'

/** Charts of the quantities that the address names, each unit apart. */
export function ChartsView(): JSX.Element {
  const range = useSignal(rangeShown())
  const series = useSignal<readonly ChartSeries[]>([])
  const problem = useSignal('')
  const pointed = useSignal<number | undefined>(undefined)
  useLoading({ range, series, problem })
  useLiveTail({ range, series })
  const all = series.value
  return (
    <div class="charts">
      <h1 class="unseen">{t('charts')}</h1>
      <RangeChoice range={range.value} />
      <Chooser />
      <p role="alert">{problem}</p>
      {chosenShown().length === 0 && <p class="quiet">{t('chooseQuantity')}</p>}
      {[...byUnit(all)].map(([unit, members]) => (
        <section key={unit} class="card" aria-label={members.map(nameOf).join(', ')}>
          <Legend series={members} all={all} pointed={pointed} />
          <Plot
            series={members}
            colors={members.map((each) => all.indexOf(each))}
            range={range}
            pointed={pointed}
            onZoom={zoom}
            label={members.map(nameOf).join(', ')}
          />
        </section>
      ))}
      {all.length > 0 && <Export series={all} range={range.value} />}
    </div>
  )
}

function byUnit(all: readonly ChartSeries[]): Map<string, ChartSeries[]> {
  const groups = new Map<string, ChartSeries[]>()
  for (const each of all) {
    const key = each.type === 'boolean' ? 'boolean' : `in ${each.unit}`
    groups.set(key, [...(groups.get(key) ?? []), each])
  }
  return groups
}

interface Shown {
  readonly range: Signal<Range>
  readonly series: Signal<readonly ChartSeries[]>
}

/** Asks the hub anew whenever other quantities or another time are chosen. */
function useLoading({ range, series, problem }: Shown & { problem: Signal<string> }): void {
  const chosen = useComputed(() => JSON.stringify(chosenShown()))
  const standing = useComputed(() => lengthShown() ?? JSON.stringify(rangeShown()))
  useSignalEffect(() => {
    void standing.value
    const wanted = JSON.parse(chosen.value)
    const aborted = new AbortController()
    const time = rangeShown()
    range.value = time
    loadSeries(wanted, time, aborted.signal).then(
      (loaded) => {
        series.value = loaded
        problem.value = ''
      },
      (error) => {
        if (aborted.signal.aborted) return
        problem.value = reasonOf(error)
      },
    )
    return () => aborted.abort()
  })
}

/** Draws what comes, once a second, while the range ends now. */
function useLiveTail({ range, series }: Shown): void {
  useSignalEffect(() => {
    const lengthMs = lengthShown() === undefined ? undefined : rangeShown().lengthMs
    if (lengthMs === undefined) return undefined
    const come: Line[] = []
    const stop = onLine((line) => {
      // What was before is in the history.
      const isNew = !line.isPast && series.peek().some(({ topic }) => topic === line.topic)
      if (isNew) come.push(line)
    })
    const timer = setInterval(() => {
      const added = come.splice(0)
      if (added.length > 0) {
        series.value = series.peek().map((each) => added.reduce(withReport, each))
      }
      const toMs = hubTime()
      range.value = { fromMs: toMs - lengthMs, toMs, lengthMs }
    }, 1000)
    return () => {
      stop()
      clearInterval(timer)
    }
  })
}

function withReport(series: ChartSeries, { topic, payload, atMs }: Line): ChartSeries {
  if (topic !== series.topic) return series
  const quantity = quantitiesOf(payload).find(({ name }) => name === series.quantity)
  if (quantity === undefined || typeof quantity.value === 'string') return series
  return withValue(series, atMs, Number(quantity.value))
}

/** As a field of a form says a time: that of this place, to the minute. */
function localTime(atMs: number): string {
  const shiftMs = new Date(atMs).getTimezoneOffset() * 60_000
  return new Date(atMs - shiftMs).toISOString().slice(0, 16)
}

function RangeChoice({ range }: { range: Range }): JSX.Element {
  const setEdge = (edge: 'fromMs' | 'toMs', text: string) => {
    const atMs = Date.parse(text)
    const { fromMs, toMs } =
      edge === 'fromMs' ? { ...range, fromMs: atMs } : { ...range, toMs: atMs }
    if (fromMs < toMs) zoom(fromMs, toMs)
  }
  return (
    <div class="row ranges">
      <div class="segments">
        {lengths.map(({ key, word }) => (
          <button
            type="button"
            key={key}
            aria-pressed={lengthShown() === key}
            onClick={() => showLength(key)}
          >
            {t(word)}
          </button>
        ))}
      </div>
      {(['fromMs', 'toMs'] as const).map((edge) => (
        <label key={edge}>
          {t(edge === 'fromMs' ? 'from' : 'to')}{' '}
          <input
            type="datetime-local"
            value={localTime(range[edge])}
            onChange={({ currentTarget }) => setEdge(edge, currentTarget.value)}
          />
        </label>
      ))}
    </div>
  )
}

function Chooser(): JSX.Element {
  const chosen = chosenShown()
  const taken = new Set(chosen.map(chosenAsText))
  return (
    <select
      class="add"
      aria-label={t('addQuantity')}
      value=""
      onChange={({ currentTarget }) => {
        const { value } = currentTarget
        currentTarget.value = ''
        choose([...chosen, chosenFrom(value)])
      }}
    >
      <option value="">{t('addQuantity')}</option>
      {choices().map(({ base, items }) => (
        <optgroup key={base} label={base}>
          {items
            .filter((item) => !taken.has(chosenAsText(item)))
            .map((item) => (
              <option key={chosenAsText(item)} value={chosenAsText(item)}>
                {nameOf(item)}
              </option>
            ))}
        </optgroup>
      ))}
    </select>
  )
}

function Export({ series, range }: { series: readonly ChartSeries[]; range: Range }): JSX.Element {
  const [first] = series
  const [from, to] = [range.fromMs, range.toMs].map((atMs) => new Date(atMs).toISOString())
  const length = lengthShown()
  const since = length === undefined ? `--since ${from} --until ${to}` : `--since ${length}`
  return (
    <section class="export">
      <h2>{t('export')}</h2>
      <div class="row">
        <button type="button" onClick={() => save(csvOf(series, range), 'csv')}>
          <Icon name="download" /> CSV
        </button>
        <button type="button" onClick={() => save(ndjsonOf(series, range), 'ndjson')}>
          <Icon name="download" /> NDJSON
        </button>
      </div>
      {first !== undefined && (
        <Copyable
          text={`clown-hub export '${first.topic}' --quantity '${first.quantity}' ${since}`}
        />
      )}
    </section>
  )
}

const types = { csv: 'text/csv', ndjson: 'application/x-ndjson' }

/** Hands a file over to whoever looks at the page. */
function save(text: string, ending: keyof typeof types): void {
  const url = URL.createObjectURL(new Blob([text], { type: types[ending] }))
  const link = document.createElement('a')
  link.href = url
  link.download = `clown-hub-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${ending}`
  link.click()
  URL.revokeObjectURL(url)
}
