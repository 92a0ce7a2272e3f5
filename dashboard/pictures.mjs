/**
 * Takes a picture of each view of a lab in Debian's Chromium, on a desk and on a phone, light and dark, to be looked at by a person:
 * `npm run pictures` after a build. They go to `.pictures`, which git ignores.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}.pictures`
const views = process.argv[2]?.split(',') ?? ['devices', 'charts', 'topics', 'hub', 'share', 'why']
const sizes = { desk: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } }

mkdirSync(folder, { recursive: true })
const env = { ...process.env, CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
const args = [`${root}dist/cli/bin.js`, 'lab', '--dialects', 'none', '--house']
const lab = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
})
let home = ''
for await (const line of createInterface({ input: lab.stdout })) {
  home ||= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? ''
  if (line.startsWith('  ["relay/')) break
}
// A line in each chart.
await pause(20_000)
for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport, colorScheme, locale: 'en-GB' })
    const page = await context.newPage()
    await page.goto(home)
    await page.fill('#user', 'clown')
    await page.fill('#password', 'bigclown')
    await page.click('form button')
    await page.waitForSelector('.tile')
    for (const view of views) {
      await page.evaluate((hash) => Object.assign(location, { hash }), `#/${view}`)
      await page.waitForSelector('main h1', { state: 'attached' })
      await pause(2500)
      await page.screenshot({
        path: `${folder}/${view}-${size}-${colorScheme}.png`,
        fullPage: true,
      })
      const width = await page.evaluate('document.documentElement.scrollWidth')
      if (width > viewport.width)
        process.stdout.write(`${view} on a ${size}: ${width} pixels wide\n`)
    }
    await context.close()
  }
}
await browser.close()
lab.kill()
await once(lab, 'close')
