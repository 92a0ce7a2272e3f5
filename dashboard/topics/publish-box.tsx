import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { CopyAs } from '../copyable.tsx'
import { command, LinkLostError, publish } from '../link.ts'
import { t } from '../words.ts'
import { linesToSend } from './copy-as.ts'
import type { TopicTree } from './topic-tree.ts'

/** As many as a person reads through. */
const mostProposals = 50

/** Sends a message. A command, to a topic that ends in `/set`, says what becomes of it. */
export function PublishBox({ tree, start }: { tree: TopicTree; start: string }): JSX.Element {
  const topic = useSignal(start)
  const text = useSignal('{"state": true}')
  const answers = useSignal<readonly string[]>([])
  const stopHearing = useRef<() => void>(undefined)
  useEffect(() => () => stopHearing.current?.(), [])
  const tell = (answer: string) => {
    answers.value = [...answers.peek(), answer]
  }
  const send = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const payload = payloadIn(text.value)
    answers.value = []
    try {
      if (!topic.value.endsWith('/set')) {
        stopHearing.current?.()
        stopHearing.current = publish(topic.value, payload, (why) =>
          tell(t('outcomeRefused', { why })),
        )
        tell(t('published'))
        return
      }
      await command(topic.value.slice(0, -'/set'.length), payload, (receipt) =>
        tell(`${receipt.receipt}, ${receipt.afterMs} ms ${receipt.message ?? ''}`),
      )
    } catch (error) {
      tell(error instanceof LinkLostError ? t('notConnected') : String(error))
    }
  }
  return (
    <form class="publish" onSubmit={(event) => void send(event)}>
      <h2>{t('publish')}</h2>
      <label for="publish-topic">{t('topic')}</label>
      <input
        id="publish-topic"
        list="topics-known"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        required
        value={topic.value}
        onInput={({ currentTarget }) => (topic.value = currentTarget.value)}
      />
      <datalist id="topics-known">
        {tree.proposals(topic.value, mostProposals).map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <label for="publish-payload">{t('payload')}</label>
      <textarea
        id="publish-payload"
        rows={3}
        spellcheck={false}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
      />
      <p class="quiet">{t(isJson(text.value) ? 'payloadJson' : 'payloadText')}</p>
      <div class="row">
        <button type="submit" class="primary">
          {t(topic.value.endsWith('/set') ? 'sendCommand' : 'publish')}
        </button>
      </div>
      <ol class="answers" aria-live="polite">
        {answers.value.map((answer) => (
          <li key={answer}>{answer}</li>
        ))}
      </ol>
      {topic.value !== '' && (
        <>
          <h3>{t('copyAs')}</h3>
          <CopyAs lines={linesToSend(topic.value, text.value)} />
        </>
      )}
    </form>
  )
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
