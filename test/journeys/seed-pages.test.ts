import type { Page } from 'playwright-core'
import root, { type Test } from 'tap'
import { createInbox, type Inbox } from '../inbox.ts'
import { requireProgram } from '../programs.ts'
import { startBrowser } from './chromium.ts'
import { foundingDocument } from './founding-documents.ts'
import { lonelyNetwork } from './lonely-network.ts'
import { type StartedLab, startLabIn } from './started-lab.ts'

/** Where the originals of the documents are, and where a lab is. */
const rules = [
  '192.168.1.202:8088 127.0.0.1:8088',
  '10.0.0.42:80 127.0.0.1:8090',
  'test.local:80 127.0.0.1:8091',
  '192.168.0.1:9981 127.0.0.1:9981',
]

/** For all of them: their labs come one after the other. */
let network: Awaited<ReturnType<typeof lonelyNetwork>>

interface Example {
  /** Each line that the page writes to its console, as JSON has it. */
  readonly printed: Inbox<unknown>
  readonly page: Page
  readonly lab: StartedLab
}

/** Shows `script`, as the document prints it, on a page of its own; `report` is another script beside it. */
function shown(
  t: Test,
  { script, address, report = '' }: { script: string; address: string; report?: string },
): Promise<Example | undefined> {
  const html = `<!doctype html><meta charset="utf-8"><script>${script}</script><script>${report}</script>`
  return shownPage(t, { html, address })
}

/** Shows `html` as the page of `address`, in a network where a lab is and nobody else. */
async function shownPage(
  t: Test,
  { html, address }: { html: string; address: string },
): Promise<Example | undefined> {
  const chromium = requireProgram(t, 'chromium')
  if (chromium === undefined) return undefined
  network ??= await lonelyNetwork(root)
  if (network === undefined) return undefined
  const dialects = 'deconz=8088,jeedom=8090,netzer=8091,tvheadend=9981'
  // The page of Netzer calls it by a name.
  const settings = { CLOWN_HTTP_HOSTS: 'test.local' }
  const lab = await startLabIn(t, { prefix: network.prefix, settings, dialects })
  const browser = await startBrowser(t, network.wrapped(chromium), { rules })
  const page = await browser.newPage()
  const printed = createInbox<unknown>()
  page.on('console', async (entry) => printed.put(await entry.args()[0]?.jsonValue()))
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: html }))
  await page.goto(address)
  return { printed, page, lab }
}

async function switched({ lab }: Example, state: boolean): Promise<void> {
  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  const command = ['set', 'relay/i2c0-3b', JSON.stringify({ state }), '--url', url]
  await lab.alongside(...command).ended
}

root.test('the page of the deCONZ document shows what happens, byte for byte', async (t) => {
  const document = foundingDocument(t, '000_a66fe9823968af14.txt')
  if (document === undefined) return
  const from = document.indexOf("    var host = '192.168.1.202';")
  const script = document.slice(from, document.indexOf('------', from))
  t.match(script, /console\.log\( JSON\.parse\(msg\.data\) \);\n {4}}\n\n$/)
  const example = await shown(t, { script, address: 'http://page.example/' })
  if (example === undefined) return
  await switched(example, true)
  const isRelay = (event: unknown) => Object(Object(event).state).on === true
  t.match(await example.printed.next(isRelay), { t: 'event', e: 'changed', r: 'lights' })
})

root.test('the page of the Jeedom document shows what happens, byte for byte', async (t) => {
  const document = foundingDocument(t, '001_eab1c6138bf22b75.txt')
  if (document === undefined) return
  const from = document.indexOf('//1. connect')
  const script = document.slice(from, document.indexOf('```', from))
  t.match(script, /^\/\/1\. connect\nconst websocket = new WebSocket\('ws:\/\/10\.0\.0\.42\//)
  const report = `websocket.addEventListener('message', ({ data }) => console.log(JSON.parse(data)))`
  const example = await shown(t, { script, report, address: 'http://10.0.0.42/' })
  if (example === undefined) return
  await switched(example, true)
  const isRelay = (frame: unknown) => {
    const { result = [] } = Object(frame)
    return result.some(
      ({ name, option }: { name: string; option: { value: unknown } }) =>
        name === 'cmd::update' && option.value === 1,
    )
  }
  t.match(await example.printed.next(isRelay), { datetime: Number })
})

/** What stands in the document between fences, one after the other: it is one page, printed on two. */
function netzerPage(document: string): string {
  const from = document.slice(document.indexOf('```\n<html>'))
  const [first = '', second = ''] = [...from.matchAll(/```\n(.*?)```/gs)].map(([, text]) => text)
  // A comment was wrapped in print, so that its second line is no JavaScript any more.
  return `${first}${second}`.replace('command which\nsets', 'command which sets')
}

root.test('the page of the Netzer document shows IO0 following the relay', async (t) => {
  const document = foundingDocument(t, '002_2e17d0cc88da4b98.txt')
  if (document === undefined) return
  const html = netzerPage(document)
  const example = await shownPage(t, { html, address: 'http://page.example/' })
  if (example === undefined) return
  const { page } = example
  const untilShown = (value: string) =>
    page.locator('#io_value', { hasText: value }).waitFor({ timeout: 10_000 })
  t.equal(await page.locator('#netzer_url').inputValue(), 'ws://test.local/ws')
  await page.locator('#connect_button').click()
  await untilShown('0')
  await switched(example, true)
  await untilShown('1')
  await switched(example, false)
  await untilShown('0')
})

root.test('the page of the Tvheadend document shows live values, byte for byte', async (t) => {
  const document = foundingDocument(t, '003_c8bc244335111ad4.txt')
  if (document === undefined) return
  const [, html = ''] = /```\n(<!DOCTYPE html>.*?)```/s.exec(document) ?? []
  t.match(html, /new WebSocket\("ws:\/\/192\.168\.0\.1:9981\/comet\/ws"\);/)
  const example = await shownPage(t, { html, address: 'http://page.example/' })
  if (example === undefined) return
  const { page } = example
  const untilShown = (text: string) =>
    page.locator('#messages div', { hasText: text }).first().waitFor({ timeout: 10_000 })
  await untilShown('"notificationClass":"accessUpdate"')
  await untilShown('"topic":"nodes/bridge/0/thermometer/i2c0-48","payload":{"temperature":[')
  await untilShown('"notificationClass":"diskspaceUpdate"')
  await switched(example, true)
  await untilShown('"topic":"nodes/bridge/0/relay/i2c0-3b","payload":{"state":true}')
})
