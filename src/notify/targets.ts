/** How a notice reaches people: by a webhook, by MQTT, by e-mail. */

import { readSecretFile, valueIn } from '../core/files.ts'
import type { DeepReadonly } from '../core/json.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { Config } from '../generated/config.ts'
import type { Notice } from './alarms.ts'

export type NotifyConfig = NonNullable<DeepReadonly<Config>['notify']>
type TargetConfig = NotifyConfig['targets'][string]

/** Tells one target, and resolves when it has taken it; throws a sentence without any secret. */
export type Send = (notice: Notice) => Promise<void>

export interface TargetParts {
  readonly publish: (message: Message) => void
}

/**
 * @throws HubError `unreadable-file`, `exposed-secret` for what is in files.
 */
export function openTarget(config: TargetConfig, { publish }: TargetParts): Send {
  if (config.topic !== undefined) return byMqtt(config.topic, publish)
  if (config.smtp !== undefined) return byMail(config.smtp)
  return byWebhook(config)
}

/** The heading of a notice, and what is in it. */
function wordsOf({ state, site, rule, device, text }: Notice): {
  title: string
  body: string
} {
  if (state === 'summary') return { title: site, body: text }
  const mark = { begun: '', repeated: 'still: ', ended: 'over: ' }[state]
  return { title: `${site}: ${mark}${rule}`, body: `${device} ${text}` }
}

// --- MQTT ---

function byMqtt(topic: string, publish: TargetParts['publish']): Send {
  return async (notice) => {
    publish({
      topic,
      payload: Payload.ofValue(notice),
      qos: 1,
      retain: false,
    })
  }
}

// --- webhooks ---

/** What is posted, and where. */
interface Post {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | object
}

interface Hook {
  readonly url: string
  readonly token: string | undefined
  readonly chat: string | undefined
}

/** Gotify and ntfy know priorities of 1 to 10 and 1 to 5. */
const isUrgent = ({ state }: Notice) => state === 'begun' || state === 'repeated'

const templates: Readonly<Record<TargetConfig['template'], (notice: Notice, hook: Hook) => Post>> =
  {
    json: (notice, { url, token }) => ({
      url,
      headers: bearer(token),
      body: { ...notice, ...wordsOf(notice) },
    }),
    'home-assistant': (notice, { url, token }) => {
      return { url, headers: bearer(token), body: { ...notice, ...wordsOf(notice) } }
    },
    // https://docs.ntfy.sh/publish: the parameters of a URL take any script, headers do not.
    ntfy: (notice, { url, token }) => {
      const { title, body } = wordsOf(notice)
      const asked = new URL(url)
      asked.searchParams.set('title', title)
      asked.searchParams.set('priority', isUrgent(notice) ? '4' : '3')
      asked.searchParams.set('tags', isUrgent(notice) ? 'warning' : 'white_check_mark')
      return { url: asked.href, headers: bearer(token), body }
    },
    gotify: (notice, { url, token = '' }) => {
      const { title, body } = wordsOf(notice)
      const priority = isUrgent(notice) ? 8 : 4
      const headers = { 'X-Gotify-Key': token }
      return { url: below(url, 'message'), headers, body: { title, message: body, priority } }
    },
    // https://core.telegram.org/bots/api#sendmessage
    telegram: (notice, { url, token = '', chat = '' }) => {
      const { title, body } = wordsOf(notice)
      const message = { chat_id: chat, text: `${title}\n${body}` }
      return { url: below(url, `bot${token}/sendMessage`), body: message }
    },
    slack: (notice, { url, token }) => {
      const { title, body } = wordsOf(notice)
      return { url, headers: bearer(token), body: { text: `*${title}*\n${body}` } }
    },
  }

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` }
}

function below(url: string, path: string): string {
  return `${url.replace(/\/$/, '')}/${path}`
}

const answerWithinMs = 10_000

function byWebhook({ url = '', secretUrlFile, tokenFile, chat, template }: TargetConfig): Send {
  const hook = {
    url: secretUrlFile === undefined ? url : secretIn('secretUrlFile', secretUrlFile),
    token: tokenFile === undefined ? undefined : secretIn('tokenFile', tokenFile),
    chat,
  }
  return async (notice) => {
    const { url, headers = {}, body } = templates[template](notice, hook)
    const isText = typeof body === 'string'
    const type = isText ? 'text/plain; charset=utf-8' : 'application/json'
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': type, 'Idempotency-Key': notice.id, ...headers },
      body: isText ? body : JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(answerWithinMs),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`it answered ${response.status}`)
  }
}

function secretIn(name: string, path: string): string {
  return valueIn(readSecretFile(`notify.targets.*.${name}`, path))
}

// --- e-mail ---

/** The port that is TLS from the start [RFC 8314, 3.3]. */
const secureSmtpPort = 465

function byMail(smtp: NonNullable<TargetConfig['smtp']>): Send {
  const { host, port, plain, user, passwordFile, from, to } = smtp
  const pass = passwordFile === undefined ? '' : secretIn('smtp.passwordFile', passwordFile)
  return async (notice) => {
    // Only who writes e-mail needs it.
    const { createTransport } = await import('nodemailer')
    const { title, body } = wordsOf(notice)
    const transport = createTransport({
      ...{ host, port, secure: port === secureSmtpPort, requireTLS: !plain, ignoreTLS: plain },
      ...(user !== undefined && { auth: { user, pass } }),
      ...{ connectionTimeout: answerWithinMs, greetingTimeout: answerWithinMs },
      socketTimeout: answerWithinMs,
    })
    try {
      const messageId = `<${notice.id}@clown-hub>`
      await transport.sendMail({ from, to: [...to], subject: title, text: `${body}\n`, messageId })
    } finally {
      transport.close()
    }
  }
}
