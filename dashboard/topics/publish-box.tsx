import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { ApiError, postJson } from '../api.ts'
import { CopyAs } from '../copyable.tsx'
import { command, LinkLostError, publish } from '../link.ts'
import { t } from '../words.ts'
import { CheckedText, useCheck } from './checking.tsx'
import { linesToSend } from './copy-as.ts'
import type { TopicTree } from './topic-tree.ts'

/** As many as a person reads through. */
const mostProposals = 50

/** What is to be sent, as it stands in the form. */
interface Draft {
  readonly topic: string
  readonly text: string
  readonly qos: number
  readonly isRetained: boolean
}

const isCommand = ({ topic }: Draft) => topic.endsWith('/set')

/** Sends a message. A command, to a topic that ends in `/set`, says what becomes of it. */
export function PublishBox({ tree, start }: { tree: TopicTree; start: string }): JSX.Element {
  const form = useSignal<Draft>({
    ...{ topic: start, text: '{"state": true}', qos: 0, isRetained: false },
  })
  const draft = form.value
  const change = (changed: Partial<Draft>) => {
    form.value = { ...draft, ...changed }
  }
  const { answers, send } = useSending()
  const checked = useCheck(draft.topic === '' ? undefined : messageOf(draft), checkEveryMs)
  return (
    <form
      class="publish"
      onSubmit={(event) => {
        event.preventDefault()
        void send(draft)
      }}
    >
      <h2>{t('publish')}</h2>
      <label for="publish-topic">{t('topic')}</label>
      <input
        id="publish-topic"
        list="topics-known"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        required
        value={draft.topic}
        onInput={({ currentTarget }) => change({ topic: currentTarget.value })}
      />
      <Proposals tree={tree} text={draft.topic} />
      <label for="publish-payload">{t('payload')}</label>
      <textarea
        id="publish-payload"
        rows={3}
        spellcheck={false}
        aria-invalid={(checked.refusal ?? checked.problem) !== null}
        aria-describedby="publish-check"
        value={draft.text}
        onInput={({ currentTarget }) => change({ text: currentTarget.value })}
      />
      <CheckedText checked={checked} id="publish-check" />
      <p class="quiet">{t(isJson(draft.text) ? 'payloadJson' : 'payloadText')}</p>
      {!isCommand(draft) && <Delivery draft={draft} change={change} />}
      <div class="row">
        <button type="submit" class="primary">
          {t(isCommand(draft) ? 'sendCommand' : 'publish')}
        </button>
      </div>
      <Answers answers={answers} />
      {draft.topic !== '' && (
        <>
          <h3>{t('copyAs')}</h3>
          <CopyAs lines={linesToSend(draft.topic, draft.text, draft)} />
        </>
      )}
    </form>
  )
}

/** So often the hub is asked what it would say, while somebody writes. */
const checkEveryMs = 300

function messageOf({ topic, text, qos, isRetained: retain }: Draft) {
  const encoding = isJson(text) ? ('json' as const) : ('text' as const)
  return { topic, payload: payloadIn(text), encoding, qos, retain }
}

function Proposals({ tree, text }: { tree: TopicTree; text: string }): JSX.Element {
  return (
    <datalist id="topics-known">
      {tree.proposals(text, mostProposals).map((each) => (
        <option key={each} value={each} />
      ))}
    </datalist>
  )
}

interface DeliveryProps {
  readonly draft: Draft
  change(changed: Partial<Draft>): void
}

function Delivery({ draft, change }: DeliveryProps): JSX.Element {
  return (
    <div class="row">
      <label for="publish-qos">QoS</label>
      <select
        id="publish-qos"
        value={draft.qos}
        onChange={({ currentTarget }) => change({ qos: Number(currentTarget.value) })}
      >
        {[0, 1, 2].map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.isRetained}
          onChange={({ currentTarget }) => change({ isRetained: currentTarget.checked })}
        />
        {t('retain')}
      </label>
    </div>
  )
}

function Answers({ answers }: { answers: readonly string[] }): JSX.Element {
  return (
    <ol class="answers" aria-live="polite">
      {answers.map((answer) => (
        <li key={answer}>{answer}</li>
      ))}
    </ol>
  )
}

/** Sends drafts, and hears what becomes of the last one. */
function useSending() {
  const answers = useSignal<readonly string[]>([])
  const stopHearing = useRef<() => void>(undefined)
  useEffect(() => () => stopHearing.current?.(), [])
  const tell = (answer: string) => {
    answers.value = [...answers.peek(), answer]
  }
  const send = async (draft: Draft) => {
    answers.value = []
    stopHearing.current?.()
    try {
      if (isCommand(draft)) await sendCommand(draft, tell)
      else stopHearing.current = await sendMessage(draft, tell)
    } catch (error) {
      tell(sentenceOf(error))
    }
  }
  return { answers: answers.value, send }
}

type Tell = (answer: string) => void

function sendCommand({ topic, text }: Draft, tell: Tell): Promise<unknown> {
  return command(topic.slice(0, -'/set'.length), payloadIn(text), (receipt) =>
    tell(`${receipt.receipt}, ${receipt.afterMs} ms ${receipt.message ?? ''}`),
  )
}

/** By the websocket nothing is retained or acknowledged. */
async function sendMessage(draft: Draft, tell: Tell): Promise<() => void> {
  const message = messageOf(draft)
  let stop = () => {}
  if (message.qos === 0 && !message.retain) {
    const { topic, payload } = message
    stop = publish(topic, payload, (why) => tell(t('outcomeRefused', { why })))
  } else await postJson('api/publish', message)
  tell(t('published'))
  return stop
}

function sentenceOf(error: unknown): string {
  if (error instanceof ApiError) return t('outcomeRefused', { why: error.message })
  return error instanceof LinkLostError ? t('notConnected') : String(error)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** What is no JSON is sent as the text that it is. */
function payloadIn(text: string): unknown {
  return isJson(text) ? JSON.parse(text) : text
}
