// What does the page cost whoever looks at it? Its topics while 10,000 of them say something, 500 messages a second in all:
// how much of a core it takes, and how long it is from a key until what that changes is on the screen. A day of ten
// series, of which the page asks for 600 buckets each: how long from the hub's last answer until they are drawn. In Debian's
// Chromium, headless and without a GPU, at 1280 x 800. `npm run bench:page` prints it, within a minute.
import { setTimeout as pause } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { chromium, type Page } from 'playwright-core'
import { startHub } from '../src/hub.ts'
import { median, quantile } from './processes.ts'

const topics = 10_000
const perSecond = 500
const watchedMs = 15_000
const series = 10
const buckets = 600
const rounds = 10
const bench = { user: 'bench', password: 'bench-password' }

const hub = await startHub({
  http: { port: 0 },
  mqtt: { port: 0 },
  users: { [bench.user]: { password: bench.password, role: 'admin' } },
  limits: {
    users: { messagesPerSecond: 100_000, messageBurst: 200_000 },
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 },
  },
  log: { level: 'error' },
})
const url = `mqtt://127.0.0.1:${hub.mqttPort}`
const client = await connectAsync(url, { username: bench.user, password: bench.password })
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
})

function say(at: number, qos: 0 | 1) {
  const payload = JSON.stringify({ temperature: [(at % 400) / 10, '°C'] })
  return client.publishAsync(`many/${at % 100}/${at}`, payload, { qos })
}

/** Says something on each topic, and from then on so many times a second; the returned function ends that. */
async function sayAll(): Promise<() => void> {
  for (let from = 0; from < topics; from += 250) {
    await Promise.all(Array.from({ length: 250 }, (_, at) => say(from + at, 1)))
  }
  const sinceMs = performance.now()
  let count = 0
  const timer = setInterval(() => {
    // A timer that is late has more to say.
    const due = ((performance.now() - sinceMs) * perSecond) / 1000
    while (count < due) void say((count++ * 7919) % topics, 0)
  }, 50)
  return () => clearInterval(timer)
}

/** That the page was told. */
let lines = 0

async function openPage(): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.on('websocket', (websocket) => {
    websocket.on(
      'framereceived',
      ({ payload }) => (lines += String(payload).trim().split('\n').length),
    )
  })
  await page.goto(`http://127.0.0.1:${hub.httpPort}/#/topics`)
  await page.fill('#user', bench.user)
  await page.fill('#password', bench.password)
  await page.click('form button')
  await page.waitForSelector('.topic-row')
  return page
}

/** Seconds of the processor that pages took, with all threads of their processes. */
async function usedByPages(): Promise<number> {
  const ofBrowser = await browser.newBrowserCDPSession()
  const { processInfo } = await ofBrowser.send('SystemInfo.getProcessInfo')
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  return renderers.reduce((sum, { cpuTime }) => sum + cpuTime, 0)
}

/** From each key to the picture after it, in milliseconds, as the browser counts it: in steps of 8, from 16 on. */
async function inputsOf(page: Page): Promise<number[]> {
  await page.evaluate(`
    globalThis.inputs = []
    new PerformanceObserver((list) => {
      for (const { name, duration } of list.getEntries()) if (name === 'keydown') inputs.push(duration)
    }).observe({ type: 'event', durationThreshold: 16 })`)
  await page.click('[type=search]')
  for (const key of [
    'many/4',
    ...Array(6).fill('Backspace'),
    '42/+',
    ...Array(4).fill('Backspace'),
  ]) {
    for (const each of key === 'Backspace' ? [key] : key) {
      await page.keyboard.press(each)
      await pause(300)
    }
  }
  return [await page.evaluate('inputs')].flat().map(Number)
}

async function watchTopics(page: Page): Promise<void> {
  await page.locator('[role=status]', { hasText: /Topics: 10\d\d\d/ }).waitFor()
  const before = { used: await usedByPages(), lines }
  const startMs = performance.now()
  await pause(watchedMs)
  const seconds = (performance.now() - startMs) / 1000
  const share = (100 * ((await usedByPages()) - before.used)) / seconds
  const rate = Math.round((lines - before.lines) / seconds)
  console.log(`${share.toFixed(1)} % of a core at ${rate} messages a second`)
  const inputs = await inputsOf(page)
  const told = [median(inputs), quantile(inputs, 0.95), Math.max(...inputs)]
  console.log(
    `a key to the screen: median, 95 %, longest of ${inputs.length}: ${told.join(', ')} ms`,
  )
}

/** A day of a value that goes up and down. */
function dayOf(topic: number): object {
  const bucketMs = 86_400_000 / buckets
  const startMs = Math.floor(Date.now() / bucketMs) * bucketMs - 86_400_000
  const points = Array.from({ length: buckets }, (_, at) => {
    const mean = 20 + topic + 3 * Math.sin(at / 40 + topic) + Math.random()
    return [startMs + at * bucketMs, 144, mean - 0.5, mean, mean + 0.5, mean, mean]
  })
  return { bucketMs, series: [{ unit: '°C', type: 'number', points }] }
}

async function drawCharts(page: Page): Promise<void> {
  await page.route('**/api/history?*', async (asked) => {
    const topic = Number(
      new URL(asked.request().url()).searchParams.get('topic')?.split('/').at(-1),
    )
    await asked.fulfill({ json: dayOf(topic) })
  })
  const names = Array.from({ length: series }, (_, at) => `q=many/${at}/${at} temperature`)
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const took = await page.evaluate(`new Promise((done) => {
      performance.clearResourceTimings()
      location.hash = ${JSON.stringify(encodeURI(`#/charts?range=24h&${names.join('&')}`))}
      const look = () => {
        if (document.querySelectorAll('.legend li').length < ${series}) return requestAnimationFrame(look)
        requestAnimationFrame(() => setTimeout(() => {
          const answers = performance.getEntriesByType('resource').filter(({ name }) => name.includes('api/history'))
          done(performance.now() - Math.max(...answers.map(({ responseEnd }) => responseEnd)))
        }))
      }
      look()
    })`)
    times.push(Math.round(Number(took)))
    await page.evaluate("location.hash = '#/charts?none'")
    await page.locator('.legend').waitFor({ state: 'detached' })
  }
  console.log(`${series} series of a day drawn: median ${median(times)} ms, ${times.join(', ')}`)
}

const stop = await sayAll()
const page = await openPage()
await watchTopics(page)
stop()
await drawCharts(page)
await browser.close()
await client.endAsync(true)
await hub.close()
