import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import type { Notice } from '../../src/notify/alarms.ts'
import { openOutbox } from '../../src/notify/outbox.ts'
import { openTarget } from '../../src/notify/targets.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { steppedClock } from '../clock.ts'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'
import { hookServer, mailServer } from './servers.ts'

const notice: Notice = {
  ...{ id: '1', at: '2026-03-01T10:00:00.000Z', state: 'begun', rule: 'cellar', site: 'Haus' },
  ...{ device: 'nodes/cellar/0', text: 'is offline' },
}

/** A promise that the test ends. */
function deferred() {
  let resolve = () => {}
  let reject = (_error: Error) => {}
  const promise = new Promise<void>((...ends) => {
    ;[resolve, reject] = ends
  })
  return { promise, resolve: () => resolve(), reject: (error: Error) => reject(error) }
}

type TargetInput = NonNullable<ConfigInput['notify']>['targets'][string]

/** A target as the configuration has it. */
function target(input: TargetInput) {
  const { notify } = checkConfig({ notify: { targets: { it: input }, rules: [] } })
  const config = notify?.targets['it']
  if (config === undefined) throw new Error('expected a target')
  const published: string[] = []
  const publish = ({ topic, payload }: { topic: string; payload: { bytes: Buffer } }) => {
    published.push(`${topic} ${payload.bytes}`)
  }
  return { send: openTarget(config, { publish }), published }
}

function secret(t: Test, text: string): string {
  const file = join(testFolder(t), 'secret')
  writeFileSync(file, `${text}\n`, { mode: 0o600 })
  return file
}

t.test('each template has the words of what it is for', async (t) => {
  const { url, taken } = await hookServer(t)
  const tokenFile = secret(t, 's3cret')
  const ask = async (input: TargetInput, told: Partial<Notice> = {}) => {
    await target({ url, ...input }).send({ ...notice, ...told })
    const { path, headers, body } = await taken.next()
    return { path, headers, body: body.startsWith('{') ? JSON.parse(body) : body }
  }
  t.match(await ask({}), {
    path: '/',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': '1',
      authorization: undefined,
    },
    body: { ...notice, title: 'Haus: cellar', body: 'nodes/cellar/0 is offline' },
  })
  t.match(await ask({ template: 'ntfy', url: `${url}/topic`, tokenFile }), {
    path: '/topic?title=Haus%3A+cellar&priority=4&tags=warning',
    headers: { authorization: 'Bearer s3cret', 'content-type': /^text\/plain/ },
    body: 'nodes/cellar/0 is offline',
  })
  t.match(await ask({ template: 'ntfy' }, { state: 'ended', text: 'is well again' }), {
    path: '/?title=Haus%3A+over%3A+cellar&priority=3&tags=white_check_mark',
  })
  t.match(await ask({ template: 'gotify', url: `${url}/`, tokenFile }), {
    path: '/message',
    headers: { 'x-gotify-key': 's3cret' },
    body: { title: 'Haus: cellar', message: 'nodes/cellar/0 is offline', priority: 8 },
  })
  t.match(await ask({ template: 'gotify' }, { state: 'ended' }), { body: { priority: 4 } })
  t.match(await ask({ template: 'telegram', tokenFile, chat: '7' }, { state: 'repeated' }), {
    path: '/bots3cret/sendMessage',
    body: { chat_id: '7', text: 'Haus: still: cellar\nnodes/cellar/0 is offline' },
  })
  t.match(await ask({ template: 'telegram' }), { path: '/bot/sendMessage', body: { chat_id: '' } })
  const slack = {
    template: 'slack',
    url: undefined,
    secretUrlFile: secret(t, `${url}/hook`),
  } as const
  const { url: _, ...withoutUrl } = slack
  const { send } = target(withoutUrl)
  await send({ ...notice, state: 'summary', text: '3 more' })
  t.match(await taken.next(), { path: '/hook', body: '{"text":"*Haus*\\n3 more"}' })
  t.match(await ask({ template: 'home-assistant' }), {
    body: { state: 'begun', title: 'Haus: cellar' },
  })
})

t.test('a file with a secret that others can read is refused', async (t) => {
  const tokenFile = secret(t, 's3cret')
  chmodSync(tokenFile, 0o644)
  t.throws(() => target({ url: 'http://127.0.0.1', tokenFile }), { code: 'exposed-secret' })
})

t.test('by MQTT it is published', async (t) => {
  const { send, published } = target({ topic: 'alarms' })
  await send(notice)
  t.same(published, [`alarms ${JSON.stringify(notice)}`])
})

t.test('by e-mail it is written, by who signs in or by anybody', async (t) => {
  const { port, mails, said } = await mailServer(t)
  const common = {
    host: '127.0.0.1',
    port,
    plain: true,
    from: 'hub@house',
    to: ['me@house', 'you@house'],
  }
  await target({ smtp: common }).send({ ...notice, site: 'Häuschen' })
  const mail = await mails.next()
  t.match(mail, /^From: hub@house$/m)
  t.match(mail, /^To: me@house, you@house$/m)
  t.match(mail, /^Message-ID: <1@clown-hub>$/im)
  t.match(mail, /^Subject: =\?UTF-8\?/m)
  t.match(mail, /\n\nnodes\/cellar\/0 is offline$/)
  t.equal(said.items.filter((line) => line.startsWith('RCPT TO:')).length, 2)
  const passwordFile = secret(t, 'mails')
  await target({ smtp: { ...common, user: 'hub', passwordFile } }).send(notice)
  await mails.next()
  const wrong = target({ smtp: { ...common, user: 'hub', passwordFile: secret(t, 'wrong') } })
  await t.rejects(wrong.send(notice), /535/)
  const strict = target({ smtp: { ...common, plain: false } })
  await t.rejects(strict.send(notice), 'without TLS nothing is said')
  t.notOk(mails.items.length > 2)
})

t.test(
  'a target that is away is tried again, in order, and nothing secret is logged',
  async (t) => {
    const server = await hookServer(t)
    const clock = steppedClock()
    const lines = createInbox<Record<string, unknown>>()
    const log = pino({}, { write: (line: string) => lines.put(JSON.parse(line)) })
    const sampledLog = createSampledLog(log, createCounters(), clock.nowMs)
    const store = openMemoryStore()
    const { send } = target({ url: `${server.url}/s3cret` })
    const parts = { store, sampledLog, clock, targets: new Map([['it', send]]) }
    const outbox = await openOutbox(parts)
    server.answer(500)
    outbox.tell('it', notice)
    outbox.tell('it', { ...notice, id: '2' })
    outbox.tell('gone', { ...notice, id: '3' })
    t.match(await lines.next(), { target: 'it', reason: 'it answered 500', againInMs: 1000 })
    t.match(outbox.counts(), { sent: 0, failed: 1, waiting: 3 })
    server.answer(302)
    clock.step(1000)
    t.match(await lines.next(), { reason: 'it answered 302', againInMs: 2000 })
    server.answer(204)
    clock.step(2000)
    await server.taken.next(({ body }) => JSON.parse(body).id === '2')
    const ids = server.taken.items.map(({ body }) => JSON.parse(body).id)
    t.same(ids, ['1', '1', '1', '2'])

    // Closed while it waits, and opened again.
    server.answer(500)
    outbox.tell('it', { ...notice, id: '4' })
    await lines.next()
    await outbox.close()
    await store.write([])
    server.answer(200)
    const again = await openOutbox(parts)
    await server.taken.next(({ body }) => JSON.parse(body).id === '4')
    await server.taken.next(({ body }) => JSON.parse(body).id === '4')
    clock.step(1000)
    clock.step(1000)
    const nowhere = target({ url: 'http://127.0.0.1:1/s3cret' })
    const lost = await openOutbox({ ...parts, targets: new Map([['gone', nowhere.send]]) })
    await lines.next(({ target }) => target === 'gone')
    await Promise.all([again.close(), lost.close()])
    t.notMatch(JSON.stringify(lines.items), /s3cret/)
  },
)

t.test('what is not on disk yet is sent once it is, or a second later', async (t) => {
  const clock = steppedClock()
  const memory = openMemoryStore()
  const sent = createInbox<string>()
  const send = async ({ id }: Notice) => sent.put(id)
  let write = deferred()
  const store = { ...memory, write: () => write.promise }
  const sampledLog = { warn: () => {} }
  const outbox = await openOutbox({ store, sampledLog, clock, targets: new Map([['it', send]]) })
  outbox.tell('it', notice)
  await memory.write([])
  t.same(sent.items, [], 'nobody is told what a killed hub would forget')
  write.resolve()
  t.equal(await sent.next(), '1')
  write = deferred()
  outbox.tell('it', { ...notice, id: '2' })
  await memory.write([])
  clock.step(1000)
  t.equal(await sent.next(), '2', 'a full disk silences nobody')
  write.reject(new Error('full'))
  outbox.tell('it', { ...notice, id: '3' })
  t.equal(await sent.next(), '3')
  await outbox.close()
})

t.test('the end waits for what is being sent, and that it was is noted', async (t) => {
  const clock = steppedClock()
  const store = openMemoryStore()
  const sampledLog = { warn: () => {} }
  const began = createInbox<string>()
  const taking = deferred()
  const send = async ({ id }: Notice) => {
    began.put(id)
    await taking.promise
  }
  const parts = { store, sampledLog, clock, targets: new Map([['it', send]]) }
  const outbox = await openOutbox(parts)
  outbox.tell('it', notice)
  await began.next()
  const closed = outbox.close()
  taking.resolve()
  await closed
  await store.write([])
  t.equal((await openOutbox(parts)).counts().waiting, 0, 'nobody is told twice by a restart')
})
