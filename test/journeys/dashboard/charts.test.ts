import { readFile } from 'node:fs/promises'
import t from 'tap'
import { barriersIn, openPage, signInAs, startedHouse } from './opened-page.ts'

const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'
const relay = 'nodes/bridge/0/relay/i2c0-3b'

function addressOf(...quantities: string[]): string {
  return `/#/charts?${quantities.map((each) => `q=${encodeURIComponent(each)}`).join('&')}`
}

/** How many colours a canvas has, roughly: what is drawn over another by half is one more. */
const colorsOn = `(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const found = new Set()
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 0) found.add([data[at] >> 5, data[at + 1] >> 5, data[at + 2] >> 5].join())
  }
  return found.size
}`

t.test('a chart has what was before it was opened, and goes on [10]', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub)
  if (opened === undefined) return
  const { page, complaints, strangers } = opened
  await signInAs(page)
  // A house of less than a minute has a dot, which has no size.
  await page.waitForSelector('.sparkline path', { state: 'attached' })
  const home = `http://127.0.0.1:${hub.httpPort}`
  await page.goto(home + addressOf(`${thermometer} temperature`, `${relay} state`))
  await page.waitForSelector('.plot canvas')
  t.equal(await page.locator('.plot').count(), 2, 'on and off stand apart from numbers')
  const value = page.locator('.legend li', { hasText: 'Thermometer' }).locator('.value')
  const before = (await value.textContent()) ?? ''
  t.match(before, /[\d.]+ °C/)
  await value.filter({ hasNotText: before }).waitFor()
  const drawn = await page.evaluate(
    `[...document.querySelectorAll('.plot canvas')].map(${colorsOn})`,
  )
  for (const colors of [drawn].flat()) t.ok(Number(colors) > 2, `axes, texts, a line: ${colors}`)
  // One place in time is pointed at in all of them.
  await page
    .locator('.plot canvas')
    .first()
    .hover({ position: { x: 300, y: 60 } })
  t.equal(await page.locator('.cursor').count(), 2)
  t.same(await barriersIn(page), [])
  t.same(complaints, [])
  t.same(strangers, [])
})

t.test('what is on screen is taken along, and its address leads back to it [10, 11]', async (t) => {
  const { hub } = await startedHouse(t)
  const path = addressOf(`${thermometer} temperature`)
  const opened = await openPage(t, hub, { path, viewport: { width: 1280, height: 800 } })
  if (opened === undefined) return
  const { page } = opened
  await signInAs(page)
  await page.waitForSelector('.plot canvas')
  await page.locator('.legend .value', { hasText: '°C' }).waitFor()
  for (const [name, first] of [
    ['CSV', /^at,topic,quantity,unit,count,min,mean,max,first,last\r\n20\d\d-[^,]+Z,nodes\/bridge/],
    ['NDJSON', /^\{"at":"20\d\d-.+Z","topic":"nodes\/bridge\/0\/thermometer\/i2c0-48"/],
  ] as const) {
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name, exact: true }).click()
    t.match(await readFile(await (await saved).path(), 'utf8'), first)
  }
  const plot = page.locator('.plot canvas')
  const box = await plot.boundingBox()
  if (box === null) throw new Error('expected a plot on the screen')
  await page.mouse.move(box.x + box.width * 0.5, box.y + 50)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width - 5, box.y + 60, { steps: 4 })
  await page.mouse.up()
  await page.waitForURL(/from=20.+to=20/)
  t.match(page.url(), /q=nodes/)
  t.equal(await page.locator('.segments [aria-pressed=true]').count(), 0)
  await page.reload()
  await page.locator('.legend', { hasText: 'Thermometer i2c0-48' }).waitFor()
  await page.click('text=24 h')
  await page.waitForURL(/range=24h/)
  await page.selectOption('.add', { label: 'Humidity i2c0-5f' })
  await page.locator('.legend', { hasText: 'Humidity' }).waitFor()
  await page.getByRole('button', { name: 'Remove Humidity i2c0-5f' }).click()
  await page.locator('.legend', { hasText: 'Humidity' }).waitFor({ state: 'detached' })
})
