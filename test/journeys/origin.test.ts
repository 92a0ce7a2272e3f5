import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { requireProgram } from '../programs.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { reboundName, servePage, startBrowser } from './chromium.ts'

const emptyPage = '<!doctype html><meta charset="utf-8"><title>A page</title>'
const credentials = 'clown:bigclown@'

/** What a page in the browser can do to a hub, and what it got from it. Runs inside of the page. */
const attempts = `
  const received = []
  const connect = (url, protocols) => new Promise((resolve) => {
    const websocket = new WebSocket(url, protocols)
    websocket.onopen = () => {
      received.push(url)
      // Long enough for a message that is published meanwhile.
      setTimeout(() => websocket.close(), 100)
    }
    websocket.onmessage = ({ data }) => received.push(data)
    websocket.onclose = resolve
  })
  // MQTT signs in by itself, so the websocket opens; this CONNECT names nobody.
  const connectMqtt = (url) => new Promise((resolve) => {
    const websocket = new WebSocket(url, 'mqtt')
    websocket.binaryType = 'arraybuffer'
    websocket.onopen = () =>
      websocket.send(new Uint8Array([16, 13, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 1, 97]))
    websocket.onmessage = ({ data }) => {
      if (new Uint8Array(data)[3] === 0) received.push(url)
    }
    websocket.onclose = resolve
  })
  const read = async (url, options) => {
    const response = await fetch(url, options).catch(() => undefined)
    const text = await response?.text()
    if (text) received.push(text)
  }
  const attempt = async (hub) => {
    await Promise.all([
      connect('ws://' + hub + '/talk'),
      connect('ws://${credentials}' + hub + '/talk/nodes/bridge/0'),
      connect('ws://${credentials}' + hub + '/auth/clown-talk-server_nodes_bridge_0'),
      connectMqtt('ws://' + hub + '/mqtt'),
      read('http://' + hub + '/healthz'),
      read('http://' + hub + '/healthz', { credentials: 'include' }),
      read('http://' + hub + '/healthz', { mode: 'no-cors', credentials: 'include' }),
      read('http://' + hub + '/healthz', { method: 'POST', body: 'a=b', credentials: 'include' }),
    ])
    return received
  }`

/** All that a page got out of a hub at `host`. */
function attempt(page: Page, host: string): Promise<string[]> {
  return page.evaluate(`(() => { ${attempts}; return attempt(${JSON.stringify(host)}) })()`)
}

/** Opens a websocket from `page` and answers whether it opened. */
function opens(page: Page, url: string): Promise<boolean> {
  return page.evaluate(`new Promise((resolve) => {
    const websocket = new WebSocket(${JSON.stringify(url)})
    websocket.onopen = () => { websocket.close(); resolve(true) }
    websocket.onclose = () => resolve(false)
  })`)
}

async function openPage(browser: BrowserContext, url: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(url)
  return page
}

/** Lets the hub publish something every few milliseconds, which a stranger must not hear. */
async function chatter(t: Test, hub: StartedHub): Promise<void> {
  const { client } = await mqttTo(t, hub)
  const timer = setInterval(() => client.publish('nodes/bridge/0/secret/-', '"secret"'), 10)
  t.teardown(() => clearInterval(timer))
}

t.test('F19: a stranger’s page gets nothing, without and with cached credentials', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  const hub = await startedHub(t)
  await chatter(t, hub)
  const browser = await startBrowser(t, executablePath)
  const port = await servePage(t, emptyPage)
  const strangers = [`http://localhost:${port}/`, `http://127.0.0.1:${port}/`]
  const hosts = [`127.0.0.1:${hub.httpPort}`, `localhost:${hub.httpPort}`]
  const everybodyTries = async (when: string) => {
    for (const stranger of strangers) {
      const page = await openPage(browser, stranger)
      for (const host of hosts)
        t.same(await attempt(page, host), [], `${when}: ${stranger} ${host}`)
      await page.close()
    }
  }
  await everybodyTries('without cached credentials')
  for (const host of hosts) {
    const own = await openPage(browser, `http://${host}/healthz`)
    t.ok(await opens(own, `ws://${credentials}${host}/talk`), 'the hub’s own page gets in')
    t.ok(await opens(own, `ws://${host}/talk`), 'and the browser remembers the credentials')
  }
  await everybodyTries('with cached credentials')
  t.notOk(hub.counters()['sign-in-refused'])
  const tries = 2 * strangers.length * hosts.length
  t.ok((hub.counters()['origin-refused'] ?? 0) >= tries * 5, 'each was refused for its Origin')
})

t.test('F19: the same page gets in where any origin may, by cached credentials', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  const hub = await startedHub(t, { http: { port: 0, origins: ['*'] } })
  await chatter(t, hub)
  const browser = await startBrowser(t, executablePath)
  const host = `127.0.0.1:${hub.httpPort}`
  const own = await openPage(browser, `http://${host}/healthz`)
  t.ok(await opens(own, `ws://${credentials}${host}/talk`))
  const stranger = await openPage(browser, `http://127.0.0.1:${await servePage(t, emptyPage)}/`)
  const received = await attempt(stranger, host)
  t.ok(received.includes(`ws://${host}/talk`), 'without naming any credentials')
  t.ok(received.some((text) => text.includes('"secret"')))
})

t.test('F19: a name that was made to lead to the hub is not the hub’s', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  const hub = await startedHub(t)
  await chatter(t, hub)
  const browser = await startBrowser(t, executablePath)
  const host = `${reboundName}:${hub.httpPort}`
  // The attacker's page was loaded from the same name and port before the name was moved.
  await browser.route(`http://${host}/page`, (route) =>
    route.fulfill({ contentType: 'text/html', body: emptyPage }),
  )
  const page = await openPage(browser, `http://${host}/page`)
  const received = await attempt(page, host)
  t.notOk(received.some((text) => text.includes('secret') || text.startsWith('ws://')))
  for (const text of received) t.match(text, /^expected a host name from http\.hosts/)
  t.not(received.length, 0, 'it was the hub that answered')
  t.notOk(hub.counters()['sign-in-refused'])
})
