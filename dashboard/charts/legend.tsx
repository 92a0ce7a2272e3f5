import type { Signal } from '@preact/signals'
import type { JSX } from 'preact'
import { dateTime } from '../clock.ts'
import { numberText, unitText } from '../devices/quantities.ts'
import { Icon } from '../icons.tsx'
import { t } from '../words.ts'
import { choose, chosenAsText, chosenShown, nameOf, nodeNameOf } from './chart-address.ts'
import type { ChartSeries } from './series.ts'

interface LegendProps {
  readonly series: readonly ChartSeries[]
  /** Of all plots: by it goes the colour. */
  readonly all: readonly ChartSeries[]
  readonly pointed: Signal<number | undefined>
}

/** What each line is, and its value where somebody points, or else its latest. */
export function Legend({ series, all, pointed }: LegendProps): JSX.Element {
  const remove = (gone: ChartSeries) =>
    choose(chosenShown().filter((each) => chosenAsText(each) !== chosenAsText(gone)))
  return (
    <ul class="legend">
      {series.map((each) => (
        <li key={`${chosenAsText(each)} ${each.unit}`}>
          <span class={`swatch is-series-${all.indexOf(each) % 8}`} />
          <span class="what" title={each.topic}>
            {nameOf(each)} <small>{nodeNameOf(each)}</small>
          </span>
          <LegendValue series={each} pointed={pointed} />
          <button
            type="button"
            class="quiet-button"
            aria-label={t('removeQuantity', { name: nameOf(each) })}
            onClick={() => remove(each)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  )
}

interface LegendValueProps {
  readonly series: ChartSeries
  readonly pointed: Signal<number | undefined>
}

function LegendValue({ series, pointed }: LegendValueProps): JSX.Element {
  const { value: atMs } = pointed
  const point = series.points.findLast(
    (each) => each !== null && (atMs === undefined || each[0] <= atMs),
  )
  if (!point) return <span class="value">–</span>
  const [at, , min, mean, max, , last] = point
  if (series.type === 'boolean') return <span class="value">{t(last === 1 ? 'on' : 'off')}</span>
  const isSpread = atMs !== undefined && min !== max
  return (
    <span class="value" title={dateTime(at)}>
      {numberText(atMs === undefined ? last : mean)} {unitText(series.unit)}
      {isSpread && <small>{` ${numberText(min)} – ${numberText(max)}`}</small>}
    </span>
  )
}
