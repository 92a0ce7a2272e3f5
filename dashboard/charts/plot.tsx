import { type Signal, useSignal } from '@preact/signals'
import type { JSX, TargetedPointerEvent } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { isDark } from '../theme.ts'
import { currentLanguage } from '../words.ts'
import { draw, heightOf, timeAt, xOf } from './drawing.ts'
import type { ChartSeries, Range } from './series.ts'

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

/** What has been dragged over, in CSS pixels from the left. */
interface Dragged {
  readonly from: number
  readonly to: number
}

/** Quantities of one unit as lines, and those that are on or off as bars. */
export function Plot({ series, colors, range, pointed, onZoom, label }: PlotProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const width = useWidth(canvas)
  const dragged = useSignal<Dragged | undefined>(undefined)
  const shown = range.value
  const look = `${isDark.value} ${currentLanguage()}`
  useLayoutEffect(() => {
    const { current } = canvas
    if (current === null) return
    const inks = colors.map((at) => colorIn(current, `--series-${at % 8}`))
    const [grid, text] = [colorIn(current, '--line'), colorIn(current, '--quiet')]
    draw(current, { series, range: shown, inks, grid, text })
  }, [series, colors.join(), shown, width.value, look])
  const point = (event: TargetedPointerEvent<HTMLElement>) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left
    pointed.value = timeAt(x, shown, width.value)
    return x
  }
  const begin = (event: TargetedPointerEvent<HTMLElement>) => {
    const x = point(event)
    if (event.button !== 0) return
    event.currentTarget.setPointerCapture(event.pointerId)
    dragged.value = { from: x, to: x }
  }
  const move = (event: TargetedPointerEvent<HTMLElement>) => {
    const x = point(event)
    if (dragged.value !== undefined) dragged.value = { ...dragged.value, to: x }
  }
  const end = () => {
    const chosen = dragged.value
    dragged.value = undefined
    if (chosen === undefined || Math.abs(chosen.to - chosen.from) < leastDrag) return
    const [left, right] = edgesOf(chosen)
    onZoom(timeAt(left, shown, width.value), timeAt(right, shown, width.value))
  }
  return (
    <div
      class="plot"
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={() => (dragged.value = undefined)}
      onPointerLeave={() => (pointed.value = undefined)}
    >
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        style={{ height: `${heightOf(series)}px` }}
      />
      {dragged.value !== undefined && <Selection dragged={dragged.value} />}
      <Cursor pointed={pointed} range={shown} width={width.value} />
    </div>
  )
}

/** Less is a click. */
const leastDrag = 4

function edgesOf({ from, to }: Dragged): [left: number, right: number] {
  return [Math.min(from, to), Math.max(from, to)]
}

function Selection({ dragged }: { dragged: Dragged }): JSX.Element {
  const [left, right] = edgesOf(dragged)
  return <div class="selection" style={{ left: `${left}px`, width: `${right - left}px` }} />
}

interface CursorProps {
  readonly pointed: Signal<number | undefined>
  readonly range: Range
  readonly width: number
}

/** Stands at the same time in all plots. */
function Cursor({ pointed, range, width }: CursorProps): JSX.Element | null {
  const { value } = pointed
  return value === undefined ? null : (
    <div class="cursor" style={{ left: `${xOf(value, range, width)}px` }} />
  )
}

function useWidth(element: { readonly current: HTMLElement | null }): Signal<number> {
  const width = useSignal(0)
  useEffect(() => {
    const { current } = element
    if (current === null) return undefined
    const observer = new ResizeObserver(() => (width.value = current.clientWidth))
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  return width
}

/** A canvas takes colours as they are in the end, not as they are written: `rgb(…)`. */
function colorIn(element: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  element.after(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
