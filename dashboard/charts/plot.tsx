import { type Signal, useSignalEffect } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { isDark } from '../theme.ts'
import { currentLanguage } from '../words.ts'
import { align, type ChartSeries, type Range } from './series.ts'
import 'uplot/dist/uPlot.min.css'

interface PlotProps {
  /** All of one unit, or all that are on or off. */
  readonly series: readonly ChartSeries[]
  /** Of each series its place in the palette. */
  readonly colors: readonly number[]
  readonly range: Signal<Range>
  /** Where somebody points, in milliseconds since 1970. */
  readonly pointed: Signal<number | undefined>
  readonly onZoom: (fromMs: number, toMs: number) => void
  readonly label: string
}

/** Quantities of one unit as lines over the range from the smallest to the largest; those that are on or off as bars. */
export function Plot(props: PlotProps): JSX.Element {
  const { series, range, label } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const shape = series.map(({ topic, quantity, unit }) => `${topic} ${quantity} ${unit}`).join()
  useEffect(() => {
    const { current } = place
    if (current === null) return
    const drawn = new uPlot(optionsOf(props, current), dataOf(series), current)
    plot.current = drawn
    const observer = new ResizeObserver(() =>
      drawn.setSize({ width: current.clientWidth, height: heightOf(series) }),
    )
    observer.observe(current)
    return () => {
      observer.disconnect()
      drawn.destroy()
      plot.current = undefined
    }
  }, [shape, isDark.value, currentLanguage()])
  useEffect(() => {
    plot.current?.setData(dataOf(series), false)
    showRange(plot.current, range.peek())
  }, [series])
  useSignalEffect(() => showRange(plot.current, range.value))
  return <div class="plot" ref={place} role="img" aria-label={label} />
}

function showRange(plot: uPlot | undefined, { fromMs, toMs }: Range): void {
  plot?.setScale('x', { min: fromMs / 1000, max: toMs / 1000 })
}

const lineHeight = 240
const rowHeight = 26
const axisHeight = 40

function isBoolean([first]: readonly ChartSeries[]): boolean {
  return first?.type === 'boolean'
}

function heightOf(series: readonly ChartSeries[]): number {
  return isBoolean(series) ? series.length * rowHeight + axisHeight : lineHeight
}

function dataOf(series: readonly ChartSeries[]): uPlot.AlignedData {
  const { times, columns } = align(series)
  if (isBoolean(series)) return [times, ...columns.map(({ mean }) => mean)]
  return [times, ...columns.flatMap(({ mean, min, max }) => [mean, min, max])]
}

/** A canvas takes colours as they are in the end, not as they are written: `rgb(…)`. */
function colorIn(element: HTMLElement, name: string): string {
  const probe = element.appendChild(document.createElement('span'))
  probe.style.color = `var(${name})`
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function optionsOf(props: PlotProps, element: HTMLElement): uPlot.Options {
  const { series, colors } = props
  const inks = colors.map((at) => colorIn(element, `--series-${at % 8}`))
  const areBooleans = isBoolean(series)
  return {
    width: element.clientWidth,
    height: heightOf(series),
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: 'charts', setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { show: !areBooleans },
    },
    scales: {
      x: { time: true, range: (_, min, max) => [min, max] },
      y: areBooleans ? { range: [0, series.length] } : {},
    },
    axes: axesIn(element, areBooleans),
    series: [{}, ...(areBooleans ? inks.map(() => barSeries) : inks.flatMap(lineSeries))],
    bands: areBooleans ? [] : inks.map(band),
    hooks: { ...pointing(props), ...(areBooleans && { draw: [(plot) => drawBars(plot, inks)] }) },
  }
}

function axesIn(element: HTMLElement, areBooleans: boolean): uPlot.Axis[] {
  const grid = { stroke: colorIn(element, '--line'), width: 1 }
  const axis = {
    stroke: colorIn(element, '--quiet'),
    grid,
    ticks: { ...grid, size: 4 },
    font: '12px system-ui, sans-serif',
  }
  const times: uPlot.Axis = {
    ...axis,
    values: (_, splits) => timeTexts(splits),
    space: 70,
    size: 32,
  }
  const none = { show: false }
  const rows: uPlot.Axis = { ...axis, size: 60, values: () => [], grid: none, ticks: none }
  const numbers: uPlot.Axis = { ...axis, size: 60, values: (_, splits) => splits.map(numberOf) }
  return [times, areBooleans ? rows : numbers]
}

/** Dragging chooses a time, and pointing shows what was then. */
function pointing({ pointed, onZoom }: PlotProps): uPlot.Hooks.Arrays {
  return {
    setSelect: [
      (plot) => {
        const { left, width } = plot.select
        if (width < 4) return
        const timeAt = (x: number) => plot.posToVal(x, 'x') * 1000
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        onZoom(timeAt(left), timeAt(left + width))
      },
    ],
    setCursor: [
      (plot) => {
        const { left = -1 } = plot.cursor
        pointed.value = left < 0 ? undefined : plot.posToVal(left, 'x') * 1000
      },
    ],
  }
}

function lineSeries(ink: string): uPlot.Series[] {
  const edge = { stroke: 'transparent', points: { show: false } }
  return [{ stroke: ink, width: 2, points: { size: 5, fill: ink } }, edge, edge]
}

/** From the smallest to the largest of each bucket: a peak is never lost. */
function band(ink: string, at: number): uPlot.Band {
  const first = 1 + at * 3
  return {
    series: [first + 2, first + 1],
    fill: ink.replace('rgb(', 'rgba(').replace(')', ', 0.18)'),
  }
}

const barSeries: uPlot.Series = { paths: () => null, points: { show: false } }

/** A row for each, filled while it was on, and half so where it was only part of the time. */
function drawBars(plot: uPlot, inks: readonly string[]): void {
  const { ctx, bbox } = plot
  const row = bbox.height / inks.length
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  for (const [at, ink] of inks.entries()) {
    ctx.fillStyle = ink
    for (const { from, to, share } of barsOf(plot, at + 1)) {
      ctx.globalAlpha = share === 1 ? 1 : 0.5
      ctx.fillRect(from, bbox.top + row * (at + 0.2), Math.max(1, to - from), row * 0.6)
    }
  }
  ctx.restore()
}

/** What is on stays so until somebody switches it, but is not known beyond now. */
function barsOf(plot: uPlot, column: number): { from: number; to: number; share: number }[] {
  const [times] = plot.data
  const values = plot.data[column] ?? []
  const known = Array.from(times).flatMap((time, index) => {
    const share = values[index]
    return share === undefined ? [] : [{ from: plot.valToPos(time, 'x', true), share: share ?? 0 }]
  })
  const end = plot.valToPos(Date.now() / 1000, 'x', true)
  return known
    .map(({ from, share }, at) => ({ from, share, to: known[at + 1]?.from ?? end }))
    .filter(({ share }) => share > 0)
}

function numberOf(value: number): string {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 3 }).format(value)
}

const daySeconds = 86_400

/** Hours and minutes; the day where it begins, or where only days are told apart; seconds where minutes do not. */
function timeTexts(splits: readonly number[]): string[] {
  const [first = 0, second = 0] = splits
  const step = second - first
  const seconds = step < 60 ? ({ second: '2-digit' } as const) : {}
  const hours = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...seconds } as const
  const time = new Intl.DateTimeFormat(currentLanguage(), hours)
  const day = new Intl.DateTimeFormat(currentLanguage(), { day: 'numeric', month: 'short' })
  return splits.map((split) => {
    const date = new Date(split * 1000)
    const isMidnight = date.getHours() + date.getMinutes() + date.getSeconds() === 0
    return isMidnight || step >= daySeconds ? day.format(date) : time.format(date)
  })
}
