import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { requireProgram } from '../programs.ts'
import { type StartedHub, startedHub } from '../started-hub.ts'
import { servePage, startBrowser } from './chromium.ts'

const clown = { user: 'clown', password: 'bigclown' }

async function signIn(page: Page, { user, password }: typeof clown): Promise<void> {
  await page.fill('#user', user)
  await page.fill('#password', password)
  await page.click('button')
}

/** What a page complains of: of what its policy forbids, above all. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (entry) => complaints.push(entry.text()))
  page.on('pageerror', ({ message }) => complaints.push(message))
  return complaints
}

for (const pathPrefix of ['', '/my/hub']) {
  t.test(`a person signs in without scripts, with the prefix "${pathPrefix}"`, async (t) => {
    const executablePath = requireProgram(t, 'chromium')
    if (executablePath === undefined) return
    const hub = await startedHub(t, { http: { port: 0, pathPrefix } })
    const browser = await startBrowser(t, executablePath, { javaScriptEnabled: false })
    const page = await browser.newPage()
    const complaints = complaintsOf(page)
    const home = `http://127.0.0.1:${hub.httpPort}${pathPrefix}`
    await page.goto(home)
    t.equal(await page.title(), 'Clown.Hub')
    t.equal(page.url(), `${home}/`)
    t.match(await page.textContent('noscript'), 'needs scripts')
    await page.getByRole('link', { name: 'sign in' }).click()
    t.equal(page.url(), `${home}/login`)
    t.equal(
      await page.evaluate('getComputedStyle(document.querySelector("main")).maxWidth'),
      '384px',
    )
    t.same(complaints, [])
    await signIn(page, { user: '"><b>clown', password: 'x' })
    t.match(await page.textContent('[role=alert]'), 'do not belong together')
    t.equal(await page.inputValue('#user'), '"><b>clown', 'what was typed is only shown')
    await signIn(page, clown)
    t.equal(page.url(), `${home}/`)
    for (const [link, text] of [
      ['nodes', '"nodes"'],
      ['commands', '"commands"'],
    ] as const) {
      await page.getByRole('link', { name: link }).click()
      t.match(await page.textContent('body'), text)
      await page.goBack()
    }
  })
}

t.test(
  'an address with a password in it shows what is there, and leads nowhere without',
  async (t) => {
    const executablePath = requireProgram(t, 'chromium')
    if (executablePath === undefined) return
    const { httpPort } = await startedHub(t)
    const browser = await startBrowser(t, executablePath)
    const at = `127.0.0.1:${httpPort}`
    await t.rejects(
      (await browser.newPage()).goto(`http://clown:wrong@${at}/api/nodes`),
      /ERR_INVALID_AUTH_CREDENTIALS/,
    )
    const page = await browser.newPage()
    const right = await page.goto(`http://clown:bigclown@${at}/api/nodes`)
    t.same(JSON.parse((await right?.text()) ?? ''), { nodes: [] })
    const again = await page.goto(`http://${at}/api/commands`)
    t.equal(again?.status(), 200, 'the browser remembers it')
  },
)

/** Opens a websocket from `page` by its cookie; the page keeps how it ended in `ended`. */
async function talkByCookie(page: Page, hub: StartedHub): Promise<void> {
  const url = JSON.stringify(`ws://127.0.0.1:${hub.httpPort}/talk`)
  await page.evaluate(`new Promise((resolve, reject) => {
    const websocket = new WebSocket(${url})
    websocket.onopen = resolve
    window.ended = new Promise((end) => {
      websocket.onclose = ({ code, reason }) => {
        reject(new Error('closed'))
        end([code, reason])
      }
    })
  })`)
}

async function signedInPage(browser: BrowserContext, hub: StartedHub): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${hub.httpPort}/`)
  await signIn(page, clown)
  await page.waitForSelector('.you')
  return page
}

t.test(
  'two hubs on one host do not sign each other out, and signing out ends the websockets',
  async (t) => {
    const executablePath = requireProgram(t, 'chromium')
    if (executablePath === undefined) return
    const [one, two] = [await startedHub(t), await startedHub(t)]
    const browser = await startBrowser(t, executablePath)
    const [page, other] = [await signedInPage(browser, one), await signedInPage(browser, two)]
    await page.reload()
    t.equal(await page.textContent('.you .name'), 'clown')
    const elsewhere = await signedInPage(await startBrowser(t, executablePath), one)
    for (const [each, hub] of [
      [page, one],
      [other, two],
      [elsewhere, one],
    ] as const) {
      await talkByCookie(each, hub)
    }
    const tab = await browser.newPage()
    await tab.goto(`http://127.0.0.1:${one.httpPort}/`)
    await tab.click('.you summary')
    await tab.click('text=Sign out')
    t.same(await page.evaluate('window.ended'), [4401, 'signed-out'])
    const stays = `Promise.race([window.ended, fetch('session').then(({ status }) => status)])`
    for (const each of [other, elsewhere]) t.equal(await each.evaluate(stays), 200)
  },
)

t.test(
  'a page of a listed origin signs in, reads, and gets a ticket; no other reads anything',
  async (t) => {
    const executablePath = requireProgram(t, 'chromium')
    if (executablePath === undefined) return
    const port = await servePage(t, '<!doctype html><title>A page</title>')
    const http = { port: 0, origins: [`http://localhost:${port}`] }
    const hub = await startedHub(t, { http })
    const browser = await startBrowser(t, executablePath)
    const read = `async (path, init) => {
    const url = 'http://localhost:${hub.httpPort}' + path
    const headers = init.body && { 'Content-Type': 'application/json' }
    const response = await fetch(url, { credentials: 'include', headers, ...init }).catch(() => undefined)
    return response && [response.status, await response.text(), response.headers.get('retry-after')]
  }`
    const ask = (page: Page, path: string, init: object = {}) =>
      page.evaluate(`(${read})(${JSON.stringify(path)}, ${JSON.stringify(init)})`)
    const login = { method: 'POST', body: JSON.stringify(clown) }
    const requests: [path: string, init: object, answer: unknown][] = [
      ['/healthz', {}, [200, /"status":"ok"/]],
      ['/session', {}, [401]],
      ['/login', { method: 'POST', body: JSON.stringify({ ...clown, password: 'x' }) }, [401]],
      ['/login', login, [204, '']],
      ['/session', {}, [200, /"user":"clown"/]],
      ['/api/nodes', {}, [200, /"nodes":/]],
      ['/api/nodes/none', {}, [404, /unknown-node/]],
      ['/api/command', { method: 'POST', body: '{}' }, [400]],
      ['/ticket', { method: 'POST' }, [200, /"ticket":/]],
      ['/logout', { method: 'POST' }, [204]],
    ]
    const listed = await browser.newPage()
    await listed.goto(`http://localhost:${port}/`)
    const stranger = await browser.newPage()
    await stranger.goto(`http://127.0.0.1:${port}/`)
    for (const [path, init, answer] of requests) {
      t.match(await ask(listed, path, init), answer, path)
      t.equal(await ask(stranger, path, init), undefined, path)
    }
  },
)
