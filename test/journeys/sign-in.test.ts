import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { requireProgram } from '../programs.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'
import { servePage, startBrowser } from './chromium.ts'

const emptyPage = '<!doctype html><meta charset="utf-8"><title>A page</title>'
const names = ['127.0.0.1', 'localhost']
const clown = { user: 'clown', password: 'bigclown' }

/**
 * What a websocket of a page gets after its introduction, up to the hub's secret or the end. Runs inside
 * of the page, which keeps how the latest one ended.
 */
const connect = `(url, protocols) => new Promise((resolve) => {
  const got = []
  const websocket = new WebSocket(url, protocols)
  websocket.onopen = () => websocket.send('["clown.talk/-/config/set", {}]')
  websocket.onmessage = ({ data }) => {
    got.push(data)
    if (data.includes('secret')) resolve(got)
  }
  window.ended = new Promise((end) => {
    websocket.onclose = ({ code }) => {
      resolve(got)
      end(code)
    }
  })
})`

function talk(page: Page, url: string, protocols: string[] = []): Promise<string[]> {
  return page.evaluate(`(${connect})(${JSON.stringify(url)}, ${JSON.stringify(protocols)})`)
}

const everything = [/config\/ok/, '["nodes/bridge/0/diary/-","secret"]\n']

/** The status of a POST from `page`, or `blocked` when the browser tells it nothing. */
function post(page: Page, url: string, body: unknown = {}): Promise<number | 'blocked'> {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    credentials: 'include',
    body: JSON.stringify(body),
  }
  const values = [url, init].map((value) => JSON.stringify(value))
  return page.evaluate(`fetch(${values.join()}).then(({ status }) => status, () => 'blocked')`)
}

async function openPage(browser: BrowserContext, url: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(url)
  return page
}

/** A hub with a secret to tell, and a browser. */
async function started(t: Test, config: Partial<ConfigInput> = {}) {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return undefined
  const hub = await startedHub(t, config)
  const { client } = await mqttTo(t, hub)
  await client.publishAsync('nodes/bridge/0/diary/-', '"secret"', { retain: true, qos: 1 })
  return { hub, browser: await startBrowser(t, executablePath) }
}

/** That a page of somebody else gets nothing of the hub, whatever name it calls it by. */
async function getsNothing(t: Test, page: Page, hub: StartedHub): Promise<void> {
  for (const name of names) {
    const host = `${name}:${hub.httpPort}`
    t.same(await talk(page, `ws://${host}/talk`), [], host)
    const paths = ['login', 'ticket', 'logout-everywhere']
    const answers = paths.map((path) => post(page, `http://${host}/${path}`, clown))
    t.same(await Promise.all(answers), ['blocked', 'blocked', 'blocked'], host)
  }
}

t.test('F19: a cookie signs in a page of the hub, and no page of a stranger', async (t) => {
  const parts = await started(t)
  if (parts === undefined) return
  const { hub, browser } = parts
  const port = await servePage(t, emptyPage)
  const pages = names.map((name) => openPage(browser, `http://${name}:${port}/`))
  const strangers = await Promise.all(pages)
  for (const name of names) {
    const host = `${name}:${hub.httpPort}`
    const own = await openPage(browser, `http://${host}/healthz`)
    t.same(await talk(own, `ws://${host}/talk`), [], 'not before')
    t.equal(await post(own, `http://${host}/login`, { ...clown, password: 'wrong' }), 401)
    t.equal(await post(own, `http://${host}/login`, clown), 204)
    t.equal(await own.evaluate('document.cookie'), '', 'no script can read the cookie')
    t.match(await talk(own, `ws://${host}/talk`), everything)
    // To a browser another port of the same name is the same site, and it sends the cookie along.
    for (const stranger of strangers) await getsNothing(t, stranger, hub)
    const other = await openPage(browser, `http://${host}/healthz`)
    t.equal(await post(other, `http://${host}/logout-everywhere`), 204)
    t.equal(await own.evaluate('window.ended'), 4401, 'what is open ends')
    t.same(await talk(own, `ws://${host}/talk`), [], 'and there is no other')
  }
})

t.test('a browser that was challenged for a wrong password takes a right one', async (t) => {
  const parts = await started(t)
  if (parts === undefined) return
  const { hub, browser } = parts
  for (const name of names) {
    const host = `${name}:${hub.httpPort}`
    const own = await openPage(browser, `http://${host}/healthz`)
    t.same(await talk(own, `ws://clown:wrong@${host}/talk`), [])
    t.match(await talk(own, `ws://clown:bigclown@${host}/talk`), everything)
  }
})

t.test('F19: a ticket lets in the page that has it, once, and nothing else does', async (t) => {
  const port = await servePage(t, emptyPage)
  for (const [name, strangersName] of [names, [...names].reverse()]) {
    const origin = `http://${name}:${port}`
    const parts = await started(t, { http: { port: 0, origins: [origin] } })
    if (parts === undefined) return
    const { hub, browser } = parts
    const listed = await openPage(browser, origin)
    const stranger = await openPage(browser, `http://${strangersName}:${port}`)
    await getsNothing(t, stranger, hub)
    for (const hubsName of names) {
      const host = `${hubsName}:${hub.httpPort}`
      // The page's own server asks for the ticket.
      const headers = basic(clown.user, clown.password)
      const answer = await fetch(`http://${host}/ticket`, { method: 'POST', headers })
      const { ticket } = JSON.parse(await answer.text())
      const protocols = ['clown.talk.v1', `clown.ticket.${ticket}`]
      t.same(await talk(stranger, `ws://${host}/talk`), [], 'nothing by cookie or password')
      t.same(await talk(listed, `ws://${host}/talk`), [], 'nothing without one')
      t.match(await talk(listed, `ws://${host}/talk`, protocols), everything)
      t.same(await talk(listed, `ws://${host}/talk`, protocols), [], 'it is used up')
      t.same(await talk(stranger, `ws://${host}/talk`, protocols), [])
    }
  }
})
