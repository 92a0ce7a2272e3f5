import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { createInbox, type Inbox } from '../inbox.ts'
import { requireProgram } from '../programs.ts'
import { startBrowser } from './chromium.ts'
import { foundingDocument } from './founding-documents.ts'
import { lonelyNetwork } from './lonely-network.ts'
import { type StartedLab, startLabIn } from './started-lab.ts'

/** Where the originals of the documents are, and where a lab is. */
const rules = ['192.168.1.202:8088 127.0.0.1:8088', '10.0.0.42:80 127.0.0.1:8090']

interface Example {
  /** Each line that the page writes to its console, as JSON has it. */
  readonly printed: Inbox<unknown>
  readonly page: Page
  readonly lab: StartedLab
}

/**
 * Shows `script`, as the document prints it, on a page of `address`, in a network where a lab is and nobody
 * else. `report` is another script beside it.
 */
async function shown(
  t: Test,
  { script, address, report = '' }: { script: string; address: string; report?: string },
): Promise<Example | undefined> {
  const chromium = requireProgram(t, 'chromium')
  if (chromium === undefined) return undefined
  const network = await lonelyNetwork(t)
  if (network === undefined) return undefined
  const dialects = 'deconz=8088,jeedom=8090'
  const lab = await startLabIn(t, { prefix: network.prefix, dialects })
  const browser = await startBrowser(t, network.wrapped(chromium), { rules })
  const page = await browser.newPage()
  const printed = createInbox<unknown>()
  page.on('console', async (entry) => printed.put(await entry.args()[0]?.jsonValue()))
  const html = `<!doctype html><meta charset="utf-8"><script>${script}</script><script>${report}</script>`
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: html }))
  await page.goto(address)
  return { printed, page, lab }
}

async function switched({ lab }: Example, state: boolean): Promise<void> {
  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  const command = ['set', 'relay/i2c0-3b', JSON.stringify({ state }), '--url', url]
  await lab.alongside(...command).ended
}

t.test('the page of the deCONZ document shows what happens, byte for byte', async (t) => {
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

t.test('the page of the Jeedom document shows what happens, byte for byte', async (t) => {
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
