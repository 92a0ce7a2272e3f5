/** Draws quantities on a canvas: lines over the range from the smallest to the largest, and bars of what is on or off. */
import { currentLanguage } from '../words.ts'
import type { ChartSeries, Range } from './series.ts'

export interface Drawing {
  /** All of one unit, or all that are on or off. */
  readonly series: readonly ChartSeries[]
  readonly range: Range
  /** Of each series its colour, as a canvas takes it. */
  readonly inks: readonly string[]
  readonly grid: string
  readonly text: string
}

/** Around what is drawn, for the words of the axes; in CSS pixels, as all lengths here. */
const edge = { left: 60, right: 12, top: 8, bottom: 32 }
const lineHeight = 240
const rowHeight = 26

export function heightOf(series: readonly ChartSeries[]): number {
  return areBooleans(series) ? series.length * rowHeight + edge.top + edge.bottom : lineHeight
}

function areBooleans([first]: readonly ChartSeries[]): boolean {
  return first?.type === 'boolean'
}

/** From times to places on a canvas that is `width` wide. */
export function xOf(atMs: number, { fromMs, toMs }: Range, width: number): number {
  const share = (atMs - fromMs) / (toMs - fromMs)
  return edge.left + share * (width - edge.left - edge.right)
}

/** And back; what is beside the range counts as its nearer end. */
export function timeAt(x: number, { fromMs, toMs }: Range, width: number): number {
  const share = (x - edge.left) / (width - edge.left - edge.right)
  return fromMs + Math.min(1, Math.max(0, share)) * (toMs - fromMs)
}

/** What is drawn on, and where on it a time and a number are. */
interface Sheet extends Drawing {
  readonly context: CanvasRenderingContext2D
  readonly width: number
  readonly bottom: number
  x(atMs: number): number
}

export function draw(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const context = canvas.getContext('2d')
  const { clientWidth: width, clientHeight: height } = canvas
  if (context === null || width === 0) return
  // Setting its size clears it.
  canvas.width = width * devicePixelRatio
  canvas.height = height * devicePixelRatio
  context.scale(devicePixelRatio, devicePixelRatio)
  context.font = '12px system-ui, sans-serif'
  context.lineJoin = 'round'
  const x = (atMs: number) => xOf(atMs, drawing.range, width)
  const sheet = { ...drawing, context, width, bottom: height - edge.bottom, x }
  drawTimes(sheet)
  if (areBooleans(drawing.series)) drawBars(sheet)
  else drawLines(sheet)
}

/** A line of the grid, across or down. */
function rule({ context, grid }: Sheet, [fromX, fromY, toX, toY]: readonly number[]): void {
  context.strokeStyle = grid
  context.lineWidth = 1
  context.beginPath()
  context.moveTo(fromX ?? 0, fromY ?? 0)
  context.lineTo(toX ?? 0, toY ?? 0)
  context.stroke()
}

/** What is drawn by `act` ends at the edges. */
function within({ context, width, bottom }: Sheet, act: () => void): void {
  context.save()
  context.beginPath()
  context.rect(edge.left, edge.top, width - edge.left - edge.right, bottom - edge.top)
  context.clip()
  act()
  context.restore()
}

const minute = 60
const hour = 60 * minute
const day = 24 * hour
const timeSteps = [
  ...[1, 2, 5, 10, 30, minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute],
  ...[hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 5 * day, 10 * day, 30 * day],
]
/** So wide is the text of a time, with some air. */
const timeWidth = 76

function drawTimes(sheet: Sheet): void {
  const { context, width, range, bottom, text } = sheet
  const most = Math.max(2, (width - edge.left - edge.right) / timeWidth)
  const lengthSeconds = (range.toMs - range.fromMs) / 1000
  const step = timeSteps.find((each) => lengthSeconds / each <= most) ?? lengthSeconds / most
  const nameTime = timeName(step)
  context.textAlign = 'center'
  context.textBaseline = 'top'
  for (const atMs of timesIn(range, step)) {
    const at = sheet.x(atMs)
    rule(sheet, [at, edge.top, at, bottom + 4])
    context.fillStyle = text
    context.fillText(nameTime(atMs), at, bottom + 10)
  }
}

/** Whole steps of the clock on the wall, whose days may have 23 hours. */
function timesIn({ fromMs, toMs }: Range, stepSeconds: number): number[] {
  const first = new Date(fromMs)
  const wall = [first.getFullYear(), first.getMonth(), first.getDate()] as const
  const sinceMidnight = (fromMs - new Date(...wall).getTime()) / 1000
  const start = Math.max(0, Math.floor((sinceMidnight - hour) / stepSeconds) * stepSeconds)
  const times: number[] = []
  for (let at = start, atMs = 0; atMs <= toMs; at += stepSeconds) {
    atMs = new Date(...wall, 0, 0, at).getTime()
    if (atMs >= fromMs && atMs <= toMs) times.push(atMs)
  }
  return times
}

/** Hours and minutes; the day where it begins, or where only days are told apart; seconds where minutes do not. */
function timeName(stepSeconds: number): (atMs: number) => string {
  const seconds = stepSeconds < minute ? ({ second: '2-digit' } as const) : {}
  const hours = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...seconds } as const
  const time = new Intl.DateTimeFormat(currentLanguage(), hours)
  const date = new Intl.DateTimeFormat(currentLanguage(), { day: 'numeric', month: 'short' })
  return (atMs) => {
    const at = new Date(atMs)
    const isMidnight = at.getHours() + at.getMinutes() + at.getSeconds() === 0
    return (isMidnight || stepSeconds >= day ? date : time).format(at)
  }
}

/** A peak is never lost: each bucket is drawn from its smallest to its largest, and its mean as the line. */
function drawLines(sheet: Sheet): void {
  const { context, series, inks, bottom } = sheet
  const scale = scaleOf(series, sheet.range)
  const y = (value: number) =>
    bottom - ((value - scale.min) / (scale.max - scale.min)) * (bottom - edge.top)
  drawNumbers(sheet, scale, y)
  within(sheet, () => {
    for (const [at, { points }] of series.entries()) {
      context.strokeStyle = context.fillStyle = inks[at] ?? ''
      for (const run of runsOf(points)) drawRun(sheet, run, y)
    }
  })
}

type Point = NonNullable<ChartSeries['points'][number]>

/** What lies between two gaps. */
function runsOf(points: ChartSeries['points']): Point[][] {
  const runs: Point[][] = [[]]
  for (const point of points) {
    if (point === null) runs.push([])
    else runs.at(-1)?.push(point)
  }
  return runs
}

/** Points that are this far from each other can be told apart. */
const dotDistance = 12
const dotRadius = 2.5

function drawRun({ context, x }: Sheet, run: readonly Point[], y: (value: number) => number) {
  const [first, last] = [run[0], run.at(-1)]
  if (first === undefined || last === undefined) return
  context.globalAlpha = 0.18
  context.beginPath()
  for (const [atMs, , min] of run) context.lineTo(x(atMs), y(min))
  for (const [atMs, , , , max] of run.toReversed()) context.lineTo(x(atMs), y(max))
  context.fill()
  context.globalAlpha = 1
  context.lineWidth = 2
  context.beginPath()
  for (const [atMs, , , mean] of run) context.lineTo(x(atMs), y(mean))
  context.stroke()
  if (x(last[0]) - x(first[0]) < (run.length - 1) * dotDistance) return
  for (const [atMs, , , mean] of run) {
    context.beginPath()
    context.arc(x(atMs), y(mean), dotRadius, 0, 2 * Math.PI)
    context.fill()
  }
}

interface Scale {
  readonly min: number
  readonly max: number
  readonly step: number
}

const mostRules = 5

/** A whole number of round steps, with all that is shown between its ends. */
function scaleOf(series: readonly ChartSeries[], { fromMs, toMs }: Range): Scale {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { points, bucketMs } of series) {
    for (const point of points) {
      if (point === null || point[0] < fromMs - bucketMs || point[0] > toMs) continue
      min = Math.min(min, point[2])
      max = Math.max(max, point[4])
    }
  }
  if (min > max) return { min: 0, max: 1, step: 1 }
  const spread = max - min || Math.abs(max) / 10 || 1
  const rough = spread / mostRules
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5].find((each) => each * power >= rough) ?? 10) * power
  const [first, last] = [Math.floor(min / step), Math.ceil(max / step)]
  // What never changes runs in the middle.
  const air = first === last ? 1 : 0
  return { min: (first - air) * step, max: (last + air) * step, step }
}

const compactFrom = 1_000_000

function drawNumbers(sheet: Sheet, { min, max, step }: Scale, y: (value: number) => number): void {
  const { context, width, text } = sheet
  const digits = Math.min(20, Math.max(0, 1 - Math.floor(Math.log10(step))))
  const isLarge = Math.max(Math.abs(min), Math.abs(max)) >= compactFrom
  const format = new Intl.NumberFormat(currentLanguage(), {
    maximumFractionDigits: isLarge ? 3 : digits,
    notation: isLarge ? 'compact' : 'standard',
  })
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  const count = Math.round((max - min) / step)
  for (let at = 0; at <= count; at++) {
    const value = min + at * step
    rule(sheet, [edge.left - 4, y(value), width - edge.right, y(value)])
    context.fillStyle = text
    context.fillText(format.format(value), edge.left - 8, y(value))
  }
}

/** A row for each, filled while it was on, and half so where it was only part of the time. */
function drawBars(sheet: Sheet): void {
  within(sheet, () => {
    for (const [row, each] of sheet.series.entries()) {
      sheet.context.fillStyle = sheet.inks[row] ?? ''
      for (const bar of barsOf(each)) drawBar(sheet, bar, edge.top + rowHeight * (row + 0.2))
    }
  })
}

function drawBar({ context, x }: Sheet, { fromMs, toMs, share }: Bar, top: number): void {
  if (share === 0) return
  context.globalAlpha = share === 1 ? 1 : 0.5
  // On whole pixels: what goes on has no seam.
  const [left, right] = [Math.round(x(fromMs)), Math.round(x(toMs))]
  context.fillRect(left, top, Math.max(1, right - left), rowHeight * 0.6)
}

interface Bar {
  readonly fromMs: number
  readonly toMs: number
  readonly share: number
}

/** What is on stays so until somebody switches it, but is not known in a gap, nor beyond now. */
function barsOf({ points, bucketMs }: ChartSeries): Bar[] {
  return points.flatMap((point, at) => {
    if (point === null) return []
    const [fromMs, , , share, , , last] = point
    const next = points[at + 1]
    const endMs = next === undefined ? Date.now() : (next?.[0] ?? fromMs + bucketMs)
    const ownMs = Math.min(fromMs + bucketMs, endMs)
    const own = { fromMs, toMs: ownMs, share }
    return endMs > ownMs ? [own, { fromMs: ownMs, toMs: endMs, share: last }] : [own]
  })
}
