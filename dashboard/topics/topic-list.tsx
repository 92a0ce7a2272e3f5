import { type Signal, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { ago, hubTime } from '../clock.ts'
import { numberText } from '../devices/quantities.ts'
import { t } from '../words.ts'
import { oneLine, rateOf, type TopicNode } from './topic-tree.ts'

const rowHeight = 32
/** Drawn beyond what can be seen, so that scrolling shows no holes. */
const spareRows = 8

interface TopicListProps {
  readonly rows: readonly TopicNode[]
  /** Whether the rows are topics that were looked for, and not a tree. */
  readonly isFlat: boolean
  readonly opened: Signal<ReadonlySet<string>>
  readonly chosen: string
  /** The topics of which something is retained. */
  readonly retained: ReadonlySet<string>
  readonly onChoose: (node: TopicNode) => void
}

/** A list of which only those rows are drawn that can be seen. */
export function TopicList(props: TopicListProps): JSX.Element {
  const { rows, isFlat, chosen } = props
  const box = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const height = useSignal(600)
  useEffect(() => {
    const { current } = box
    if (current === null) return
    const observer = new ResizeObserver(() => (height.value = current.clientHeight))
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  const first = Math.max(0, Math.floor(top.value / rowHeight) - spareRows)
  const last = Math.ceil((top.value + height.value) / rowHeight) + spareRows
  const at = rows.findIndex(({ topic }) => topic === chosen)
  const press = (event: KeyboardEvent) => pressed(event, { ...props, at, box: box.current })
  return (
    <div
      ref={box}
      class="topic-list"
      role="tree"
      tabIndex={0}
      aria-label={t('topics')}
      aria-activedescendant={at < first || at >= last ? undefined : idOf(at)}
      onScroll={({ currentTarget }) => (top.value = currentTarget.scrollTop)}
      onKeyDown={press}
    >
      <div class="all-rows" role="presentation" style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, last).map((node, index) => (
          <Row
            key={node.topic}
            node={node}
            count={node.count}
            at={first + index}
            isFlat={isFlat}
            isChosen={node.topic === chosen}
            isRetained={props.retained.has(node.topic)}
            isOpen={props.opened.value.has(node.topic)}
            onClick={() => {
              if (!isFlat) toggle(props.opened, node)
              props.onChoose(node)
            }}
          />
        ))}
      </div>
    </div>
  )
}

function idOf(at: number): string | undefined {
  return at < 0 ? undefined : `topic-${at}`
}

function toggle(opened: Signal<ReadonlySet<string>>, { topic, children }: TopicNode): void {
  if (children.size === 0) return
  const open = new Set(opened.peek())
  if (!open.delete(topic)) open.add(topic)
  opened.value = open
}

interface Pressed extends TopicListProps {
  readonly at: number
  readonly box: HTMLElement | null
}

/** The keys of a tree: WAI-ARIA Authoring Practices, tree view. */
function pressed(event: KeyboardEvent, around: Pressed): void {
  const { rows, at } = around
  const steps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: rows.length - 1,
    PageDown: at + pageRows,
    PageUp: at - pageRows,
  }
  const to = steps[event.key]
  const isTaken = to === undefined ? !around.isFlat && turned(event.key, around) : go(to, around)
  if (isTaken) event.preventDefault()
}

const pageRows = 15

function go(to: number, { rows, box, onChoose }: Pressed): boolean {
  const at = Math.min(Math.max(0, to), rows.length - 1)
  const target = rows[at]
  if (target === undefined) return false
  onChoose(target)
  const place = at * rowHeight
  if (box === null) return true
  if (place < box.scrollTop) box.scrollTop = place
  const end = place + rowHeight - box.clientHeight
  if (end > box.scrollTop) box.scrollTop = end
  return true
}

/** Opens and closes what stands in the tree. */
function turned(key: string, around: Pressed): boolean {
  const { rows, at, opened } = around
  const node = rows[at]
  if (node === undefined) return false
  const isOpen = opened.peek().has(node.topic)
  const turningKeys = ['Enter', isOpen ? 'ArrowLeft' : 'ArrowRight']
  if (turningKeys.includes(key)) {
    toggle(opened, node)
    return true
  }
  const places: Record<string, number> = {
    ArrowRight: at + 1,
    ArrowLeft: node.parent === undefined ? at : rows.indexOf(node.parent),
  }
  const to = places[key]
  return to !== undefined && go(to, around)
}

interface RowProps {
  readonly node: TopicNode
  /** Of its messages: a row whose properties stay the same is not drawn anew. */
  readonly count: number
  readonly at: number
  readonly isFlat: boolean
  readonly isChosen: boolean
  readonly isOpen: boolean
  readonly isRetained: boolean
  readonly onClick: () => void
}

function Row({
  node,
  count,
  at,
  isFlat,
  isChosen,
  isOpen,
  isRetained,
  onClick,
}: RowProps): JSX.Element {
  const { children, level } = node
  const isBranch = !isFlat && children.size > 0
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree around it has the focus, and hears the keys
    <div
      id={idOf(at)}
      class={isChosen ? 'topic-row is-chosen' : 'topic-row'}
      role="treeitem"
      tabIndex={-1}
      aria-level={isFlat ? 1 : level}
      aria-selected={isChosen}
      aria-expanded={isBranch ? isOpen : undefined}
      style={{ top: `${at * rowHeight}px`, paddingLeft: `${isFlat ? 10 : level * 16 - 6}px` }}
      onClick={onClick}
    >
      <span class="twist" aria-hidden="true">
        {isBranch ? (isOpen ? '▾' : '▸') : ''}
      </span>
      <span class="name">{isFlat ? node.topic : node.name || '∅'}</span>
      <Badges isRetained={isRetained} hidden={isBranch && !isOpen ? children.size : 0} />
      <span class="value">{valueText(node)}</span>
      <Numbers node={node} count={count} />
    </div>
  )
}

function valueText({ said }: TopicNode): string {
  return said === undefined ? '' : oneLine(said.payload).slice(0, 200)
}

function Badges({ isRetained, hidden }: { isRetained: boolean; hidden: number }): JSX.Element {
  return (
    <>
      {isRetained && <span class="badge is-retained">{t('retained')}</span>}
      {hidden > 0 && <span class="badge">{hidden}</span>}
    </>
  )
}

function Numbers({ node, count }: { node: TopicNode; count: number }): JSX.Element {
  const { said } = node
  return (
    <>
      <span class="count">{count}</span>
      <span class="rate">{rateText(rateOf(node, hubTime()))}</span>
      <span class="when">{said === undefined ? '' : ago(said.atMs)}</span>
    </>
  )
}

function rateText(perSecond: number): string {
  return perSecond < 0.05 ? '' : `${numberText(Math.round(perSecond * 10) / 10)}/s`
}
