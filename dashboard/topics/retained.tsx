import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { postJson } from '../api.ts'
import { reasonOf } from '../failures.tsx'
import { bytesText, Problem, SureButton } from '../parts.tsx'
import { usePolled } from '../polled.ts'
import { mayOnlyLook } from '../session.ts'
import { t } from '../words.ts'

interface Listed {
  readonly retained: readonly { readonly topic: string; readonly bytes: number }[]
  readonly hasMore: boolean
}

const most = 1000

/** What is retained at `filter` and below, as far as a list goes. */
export function useRetained(filter: string) {
  return usePolled<Listed>(`api/retained?limit=${most}&filter=${encodeURIComponent(filter)}`)
}

/** What a topic and those below it have retained: it is looked through before it is removed. */
export function Retained({ topic }: { topic: string }): JSX.Element | null {
  const { value, load } = useRetained(`${topic}/#`)
  const problem = useSignal('')
  const found = value?.retained ?? []
  if (found.length === 0) return null
  const isHere = found.some((each) => each.topic === topic)
  const remove = async (topics: readonly string[]) => {
    problem.value = ''
    try {
      // An empty value takes the place of the retained one, and is none [MQTT-3.3.1-10].
      for (const each of topics) {
        await postJson('api/publish', { topic: each, payload: '', encoding: 'text', retain: true })
      }
    } catch (error) {
      problem.value = reasonOf(error)
    }
    load()
  }
  const count = value?.hasMore ? `${most}+` : String(found.length)
  return (
    <details class="retained">
      <summary>{t('retainedCount', { count })}</summary>
      <ul>
        {found.map((each) => (
          <li key={each.topic}>
            <code>{each.topic}</code> <span class="quiet">{bytesText(each.bytes)}</span>
          </li>
        ))}
      </ul>
      {!mayOnlyLook() && (
        <p class="row">
          {isHere && (
            <SureButton
              text={t('removeRetained')}
              about={topic}
              onSure={() => void remove([topic])}
            />
          )}
          {(found.length > 1 || !isHere) && (
            <SureButton
              text={t('removeAllRetained', { count: found.length })}
              about={`${topic}/#`}
              onSure={() => void remove(found.map((each) => each.topic))}
            />
          )}
        </p>
      )}
      <Problem text={problem.value} />
    </details>
  )
}
