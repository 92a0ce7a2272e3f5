import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { dateTime, now } from '../clock.ts'
import { CopyAs } from '../copyable.tsx'
import { deviceOf } from '../devices/house.ts'
import { numberText, quantitiesOf } from '../devices/quantities.ts'
import { Icon } from '../icons.tsx'
import { hrefOf } from '../route.ts'
import { t } from '../words.ts'
import { CheckedText, useCheck } from './checking.tsx'
import { linesToFollow } from './copy-as.ts'
import { differenceOf, hexDump } from './difference.ts'
import { Retained } from './retained.tsx'
import { rateOf, type Said, type TopicNode } from './topic-tree.ts'

interface TopicPanelProps {
  readonly node: TopicNode
  /** Of its messages: what keeps its properties is not drawn anew. */
  readonly count: number
}

/** What one topic has said last. */
export function TopicPanel({ node, count }: TopicPanelProps): JSX.Element {
  const { topic, said } = node
  const names = said === undefined ? [] : quantitiesOf(said.payload)
  const drawn = names.filter(({ value }) => typeof value !== 'string')
  const chart = new URLSearchParams(drawn.map(({ name }) => ['q', `${topic} ${name}`]))
  return (
    <section class="topic-panel" aria-label={topic}>
      <a class="back" href={hrefOf('topics')}>
        <Icon name="back" /> {t('topics')}
      </a>
      <h2 class="topic">{topic}</h2>
      <p class="quiet">
        {t('messages', { count, rate: numberText(rateOf(node, now.value)) })}
        {said !== undefined && ` · ${dateTime(said.atMs)}`}
      </p>
      {said !== undefined && <Value topic={topic} said={said} />}
      <Retained key={topic} topic={topic} />
      <p class="row">
        {drawn.length > 0 && (
          <a href={hrefOf('charts', '', chart)}>
            <Icon name="charts" /> {t('showChart')}
          </a>
        )}
        {deviceOf(topic) !== undefined && (
          <a href={hrefOf('devices', topic)}>
            <Icon name="devices" /> {t('device')}
          </a>
        )}
      </p>
      <p>
        <a href={hrefOf('why', topic)}>
          <Icon name="why" /> {t('why')}
        </a>
      </p>
      <h3>{t('copyAs')}</h3>
      <CopyAs lines={linesToFollow(node.children.size > 0 ? `${topic}/#` : topic)} />
    </section>
  )
}

function pretty(payload: unknown): string {
  return typeof payload === 'string' ? payload : JSON.stringify(payload, null, 2)
}

/** What comes faster is not looked at one by one. */
const checkEveryMs = 1000

const marks = { same: ' ', new: '+', gone: '−' } as const

/** Pretty, with what is new and what is gone since the value before; bytes as hex. */
function Value({ topic, said }: { topic: string; said: Said }): JSX.Element {
  const { payload, before, isBase64 } = said
  // Who may not say it may read it all the same.
  const { problem } = useCheck(isBase64 ? undefined : { topic, payload }, checkEveryMs)
  const lines = useMemo(() => {
    if (isBase64) return [{ text: hexDump(String(payload)), is: 'same' as const }]
    return differenceOf(pretty(before === undefined ? payload : before), pretty(payload))
  }, [said])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it nobody could scroll here by the keyboard
    <section class="payload" tabIndex={0} aria-label={t('value')}>
      <pre>
        {lines.map(({ text, is }, at) => (
          <span key={at} class={`is-${is}`}>
            {marks[is]} {text}
            {'\n'}
          </span>
        ))}
      </pre>
      <CheckedText checked={{ refusal: null, problem }} />
    </section>
  )
}
