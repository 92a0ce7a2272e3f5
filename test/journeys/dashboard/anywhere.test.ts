import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { atLength } from '../../full-length.ts'
import { requireProgram } from '../../programs.ts'
import { basic } from '../../started-sign-in.ts'
import { testFolder } from '../../test-folder.ts'
import { startBrowser } from '../chromium.ts'
import { barriersIn, openPage, signInAs, startedHouse } from './opened-page.ts'

const phone = { width: 360, height: 740 }
const desk = { width: 1280, height: 800 }
const views = ['devices', 'charts', 'topics', 'hub', 'share', 'why']

/** Opens each view; returns what keeps somebody from using it, and which of them are wider than the window. */
async function lookThrough(page: Page, names: readonly string[]) {
  const found: string[] = []
  for (const view of names) {
    await page.evaluate(`location.hash = '#/${view}'`)
    await page.locator('main h1').waitFor({ state: 'attached' })
    await page.locator('main .quiet', { hasText: 'Loading' }).waitFor({ state: 'detached' })
    found.push(...(await barriersIn(page)).map((barrier) => `${view}: ${barrier}`))
    const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
    if (isWide === true) found.push(`${view} is wider than the window`)
  }
  return found
}

t.test(
  'every view can be used in the dark, on a phone, by who looks after the hub [13]',
  async (t) => {
    const { hub } = await startedHouse(t)
    const opened = await openPage(t, hub, { viewport: phone, colorScheme: 'dark' })
    if (opened === undefined) return
    await signInAs(opened.page)
    t.same(await lookThrough(opened.page, views), [])
    t.same(opened.complaints, [])
  },
)

const inTheLight = [
  { user: 'eve', viewport: phone },
  { user: 'eve', viewport: desk },
  { user: 'clown', viewport: phone },
  { user: 'clown', viewport: desk },
]

t.test('and in the light, on a desk, and by who may only look [13]', async (t) => {
  const { hub } = await startedHouse(t)
  for (const { user, viewport } of inTheLight.slice(0, atLength(4, 1))) {
    const opened = await openPage(t, hub, { viewport, colorScheme: 'light' })
    if (opened === undefined) return
    await signInAs(opened.page, user)
    t.same(await lookThrough(opened.page, user === 'clown' ? views : views.slice(0, 4)), [])
  }
})

t.test(
  'over a slow network the tiles are there, and a switch says what it waits for',
  async (t) => {
    const { hub } = await startedHouse(t)
    const opened = await openPage(t, hub)
    if (opened === undefined) return
    const { page } = opened
    await signInAs(page)
    const wire = await page.context().newCDPSession(page)
    await wire.send('Network.enable')
    // An old phone at the edge of its cell: 400 ms there and back, 400 kbit/s.
    const slow = {
      offline: false,
      latency: 400,
      downloadThroughput: 50_000,
      uploadThroughput: 25_000,
    }
    await wire.send('Network.emulateNetworkConditions', slow)
    const startMs = Date.now()
    await page.reload()
    await page.locator('.tile').first().waitFor()
    const tookMs = Date.now() - startMs
    t.ok(tookMs < 10_000, `the first tile after ${tookMs} ms`)
    await page.getByRole('switch').first().click()
    await page.locator('.tile', { hasText: 'Asked' }).first().waitFor()
  },
)

t.test(
  'a page that was there before starts while the hub is away, says so, and comes back [15]',
  async (t) => {
    const { hub } = await startedHouse(t)
    const opened = await openPage(t, hub)
    if (opened === undefined) return
    const { page } = opened
    await signInAs(page)
    const files = 'caches.open("page-1").then(async (cache) => (await cache.keys()).length)'
    await page.evaluate('navigator.serviceWorker.ready.then(() => true)')
    await page.waitForFunction(`${files}.then((count) => count >= 3)`)
    await hub.close()
    await page.reload()
    await page.getByRole('heading', { name: 'The hub does not answer.' }).waitFor()
    await page.getByText('This page tries again by itself.').waitFor()
    await startedHouse(t, { port: hub.httpPort })
    await page.waitForSelector('#password')
  },
)

/** A page of nobody's server: all that it has is the library of the hub, and a ticket. */
const fromDisk = (home: string, ticket: string) => `<!doctype html>
<button disabled>Lamp</button>
<pre></pre>
<script type="module">
  import { connect } from '${home}/client.js'
  const hub = connect('${home}', { ticket: '${ticket}' })
  const [button, log] = document.querySelectorAll('button, pre')
  const relay = 'nodes/bridge/0/relay/i2c0-3b'
  hub.onState(({ name }) => { button.disabled = name !== 'open'; log.append(name, '\\n') })
  hub.on(relay, ({ value }) => log.append(value.state ? 'on' : 'off', '\\n'))
  button.onclick = () => hub.command(relay, { state: true }).then(({ receipt }) => log.append(receipt, '\\n'))
</script>`

t.test('a file from the disk is a page of its own, also of a hub behind a prefix', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  for (const pathPrefix of ['', '/my/hub']) {
    const { hub } = await startedHouse(t, { pathPrefix })
    const home = `http://127.0.0.1:${hub.httpPort}${pathPrefix}`
    const headers = basic('clown', 'bigclown')
    const { ticket } = Object(
      await (await fetch(`${home}/ticket`, { method: 'POST', headers })).json(),
    )
    const file = join(testFolder(t), 'page.html')
    await writeFile(file, fromDisk(home, ticket))
    const page = await (await startBrowser(t, executablePath)).newPage()
    await page.goto(`file://${file}`)
    const log = page.locator('pre')
    await log.filter({ hasText: 'off' }).waitFor()
    await page.click('button')
    await log.filter({ hasText: 'confirmed' }).waitFor()
    await log.filter({ hasText: 'on\n' }).waitFor()
    t.match(await log.textContent(), /^connecting\nopen\noff\n/)
  }
})
