import { createRequire } from 'node:module'
import type { Browser, PuppeteerNode } from 'puppeteer-core'
import t, { type Test } from 'tap'
import { requireProgram } from '../../programs.ts'
import { startedHouse } from './opened-page.ts'

/** Required: the runner's hooks take a pattern in the exports of one of its packages for another than Node.js does. */
const puppeteer: PuppeteerNode = createRequire(import.meta.url)('puppeteer-core')

/** By WebDriver BiDi, which Firefox speaks by itself. */
async function startFirefox(t: Test): Promise<Browser | undefined> {
  const executablePath = requireProgram(t, 'firefox-esr')
  if (executablePath === undefined) return undefined
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath, timeout: 120_000 })
  t.teardown(() => browser.close())
  return browser
}

const tile = '::-p-xpath(//article[.//a[@title="nodes/bridge/0/relay/i2c0-3b"]]'

t.test('in Firefox somebody signs in, switches a relay and opens a chart', async (t) => {
  const { hub } = await startedHouse(t)
  const browser = await startFirefox(t)
  if (browser === undefined) return
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const complaints: string[] = []
  page.on('console', (entry) => {
    if (entry.type() === 'error') complaints.push(entry.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(`http://127.0.0.1:${hub.httpPort}/`)
  await page.locator('#user').fill('clown')
  await page.locator('#password').fill('bigclown')
  await page.locator('form button').click()
  await page.waitForSelector('.tile .sparkline')
  await page.waitForSelector(`${tile}//*[@role="switch" and @aria-checked="false"])`)
  await page.locator(`${tile}//*[@role="switch"])`).click()
  await page.waitForSelector(`${tile}//*[@role="switch" and @aria-checked="true"])`)
  await page.waitForSelector(`${tile}//*[contains(@class, "age") and contains(., "clown, ")])`)
  await page.locator('nav a[href="#/charts"]').click()
  await page.waitForSelector('.plot canvas')
  await page.waitForSelector('::-p-xpath(//*[@class="value" and contains(., "°C")])')
  t.same(complaints, [])
})
