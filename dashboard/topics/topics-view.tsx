import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { deviceOf } from '../devices/house.ts'
import { onLine } from '../link.ts'
import { hrefOf, replaceRoute, route } from '../route.ts'
import { t } from '../words.ts'
import { PublishBox } from './publish-box.tsx'
import { useRetained } from './retained.tsx'
import { TopicList } from './topic-list.tsx'
import { TopicPanel } from './topic-panel.tsx'
import { rowsOf, type TopicNode, TopicTree, wantedBy } from './topic-tree.ts'
import '../style/topics.css'

/** How often what has come is drawn: eyes follow no faster. */
const drawEveryMs = 250
/** Of a small house all of the tree is shown at first. */
const openedUntil = 150

/** All topics, live. */
export function TopicsView(): JSX.Element {
  const tree = useMemo(() => new TopicTree(), [])
  const opened = useSignal<ReadonlySet<string>>(new Set())
  const text = useSignal('')
  const drawn = useSignal(0)
  useEffect(() => onLine((line) => tree.hear(line)), [tree])
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden || drawn.peek() === tree.version) return
      openWhatIsNew(tree, opened)
      drawn.value = tree.version
    }, drawEveryMs)
    return () => clearInterval(timer)
  }, [tree])
  void drawn.value
  const wanted = wantedBy(text.value.trim())
  const rows = rowsOf(tree, ({ topic }) => opened.value.has(topic), wanted)
  const listed = useRetained('#').value
  const retained = useMemo(() => new Set(listed?.retained.map(({ topic }) => topic)), [listed])
  const { rest } = route.value
  const chosen = tree.get(rest)
  return (
    <div class={rest === '' ? 'topics' : 'topics has-chosen'}>
      <h1 class="unseen">{t('topics')}</h1>
      <div class="topic-side">
        <input
          type="search"
          aria-label={t('filterTopics')}
          placeholder={t('filterTopics')}
          value={text.value}
          onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        />
        <p class="quiet" role="status">
          {wanted === undefined
            ? t('topicsKnown', { count: tree.topics })
            : t('topicsFound', { count: rows.length, all: tree.topics })}
        </p>
        <TopicList
          rows={rows}
          isFlat={wanted !== undefined}
          opened={opened}
          chosen={rest}
          retained={retained}
          onChoose={choose}
        />
      </div>
      <div class="topic-about">
        {chosen !== undefined && <TopicPanel node={chosen} count={chosen.count} />}
        <PublishBox key={chosen?.topic} tree={tree} start={topicToSend(chosen)} />
      </div>
    </div>
  )
}

/** On a narrow screen it takes the place of the list, and going back leads to that. */
function choose({ topic }: TopicNode): void {
  const href = hrefOf('topics', topic)
  if (matchMedia('(max-width: 900px)').matches) location.hash = href.slice(1)
  else replaceRoute(href)
}

function topicToSend(node: TopicNode | undefined): string {
  if (node === undefined) return ''
  const isCommanded = node.children.has('set') || deviceOf(node.topic)?.role === 'actuator'
  return isCommanded ? `${node.topic}/set` : node.topic
}

/** Nothing that somebody has closed is opened again. */
function openWhatIsNew(tree: TopicTree, opened: { value: ReadonlySet<string> }): void {
  const found = tree.takeNew()
  if (tree.topics > openedUntil || found.length === 0) return
  opened.value = new Set([...opened.value, ...found])
}
