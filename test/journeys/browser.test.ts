import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { createInbox, type Inbox } from '../inbox.ts'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { servePage, startBrowser } from './chromium.ts'
import { foundingDocument } from './founding-documents.ts'
import { type StartedLab, startLab } from './started-lab.ts'

/** Sooner than after 200 ms the hub does not let a relay be switched again. */
const relayRestMs = 250

const clown = { user: 'clown', password: 'bigclown' }

/** The example of the Clown.Hub document as a page, with the repairs without which it cannot run. */
function examplePage(document: string): string {
  const from = document.indexOf('var websocket;')
  const last = 'console.log("Error: " + evt.data);'
  const printed = document.slice(from, document.indexOf(last) + last.length)
  const repaired = printed
    // There is no such function; the document means the constructor.
    .replace('WebSocket.connect(wsUri)', 'new WebSocket(wsUri)')
    // The closing braces were lost in print.
    .replace('// After connecting', '}};\n// After connecting')
    .replace('function onClose', '}\nfunction onClose')
    .replace('function onMessage', '}\nfunction onMessage')
    .replace('function onError', '}\nfunction onError')
  return `<!doctype html><meta charset="utf-8"><title>Example</title><script>${repaired}}</script>`
}

/** What the example prints: each message as it was received, parsed. */
function printedBy(page: Page): Inbox<unknown> {
  const printed = createInbox<unknown>()
  page.on('console', async (entry) => printed.put(await entry.args()[0]?.jsonValue()))
  return printed
}

async function startExample(t: Test): Promise<{ page: Page; lab: StartedLab } | undefined> {
  const executablePath = requireProgram(t, 'chromium')
  const document = foundingDocument(t, '004_19e930d8e1f4872b.txt')
  if (executablePath === undefined || document === undefined) return undefined
  if (requireProgram(t, 'mosquitto_pub') === undefined) return undefined
  const origin = `http://127.0.0.1:${await servePage(t, examplePage(document))}`
  const lab = await startLab(t, { CLOWN_HTTP_ORIGINS: origin })
  const page = await (await startBrowser(t, executablePath)).newPage()
  await page.goto(origin)
  return { lab, page }
}

function isMessage(topic: string, payload: unknown): (message: unknown) => boolean {
  const expected = JSON.stringify([topic, payload])
  return (message) => JSON.stringify(message) === expected
}

t.test("the founding document's own page switches a relay and sees it switched", async (t) => {
  const started = await startExample(t)
  if (started === undefined) return
  const { page, lab } = started
  const printed = printedBy(page)
  const port = lab.mqttPort
  const topic = 'nodes/bridge/0/relay/i2c0-3b'
  const watcher = await subscribe(t, { ...clown, port, filter: `${topic}/#` })
  const url = `ws://clown:bigclown@127.0.0.1:${lab.httpPort}/auth/clown-talk-server_nodes_bridge_0`

  await page.evaluate(`wsConnect(${JSON.stringify(url)})`)
  const introduction = await printed.next()
  t.match(introduction, ['clown.talk/-/config/ok', { device: 'hub' }])
  await printed.next(isMessage('relay/i2c0-3b', { state: false }))

  await publish({ ...clown, port, topic: `${topic}/set`, payload: '{"state":true}' })
  await printed.next(isMessage('relay/i2c0-3b/set', { state: true }))
  await printed.next(isMessage('relay/i2c0-3b', { state: true }))

  // The line as the document prints it, without a line break at its end.
  await delay(relayRestMs)
  await page.evaluate(String.raw`websocket.send("[\"relay/i2c0-3b/set\", {\"state\": false}]")`)
  await watcher.next((line) => line === `${topic}/set {"state": false}`)
  await watcher.next((line) => line === `${topic} {"state":false}`)
  await printed.next(isMessage('relay/i2c0-3b', { state: false }))
})
