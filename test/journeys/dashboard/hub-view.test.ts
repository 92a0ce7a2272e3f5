import t from 'tap'
import { barriersIn, openPage, signInAs, startedHouse, tileOf } from './opened-page.ts'

t.test('the hub says how it is, what it knows, and who did what', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub)
  if (opened === undefined) return
  const { page, complaints, strangers } = opened
  await signInAs(page)
  const relay = tileOf(page, 'nodes/bridge/0/relay/i2c0-3b')
  await relay.getByRole('switch').click()
  await relay.locator('.word', { hasText: 'On' }).waitFor()
  await page.click('nav >> text=Hub')
  await page.locator('td', { hasText: 'confirmed' }).waitFor()
  await page.locator('.node-list', { hasText: 'nodes/bridge/0' }).waitFor()
  await page.locator('h2', { hasText: /Clown\.Hub \d/ }).waitFor()
  await page.fill('#old', 'bigclown')
  await page.fill('#new', 'a longer one')
  await page.getByRole('button', { name: 'Change your password' }).click()
  await page.locator('.problem', { hasText: 'stands in the configuration' }).waitFor()
  t.same(await barriersIn(page), [])
  t.same(complaints, [])
  t.same(strangers, [])
})

/** What each calls devices. */
const languages = { cs: 'Zařízení', de: 'Geräte', fr: 'Appareils', en: 'Devices' }

t.test('each language fits on a phone, and is remembered', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub, { viewport: { width: 360, height: 740 } })
  if (opened === undefined) return
  const { page } = opened
  await signInAs(page)
  for (const [language, devices] of Object.entries(languages)) {
    await page.click('.you summary')
    await page.selectOption('#language', language)
    await page.locator('nav', { hasText: devices }).waitFor()
    await page.reload()
    await page.locator('nav', { hasText: devices }).waitFor()
    for (const view of ['devices', 'charts', 'topics', 'hub']) {
      await page.click(`nav a[href="#/${view}"]`)
      await page.waitForSelector(`nav a[href="#/${view}"][aria-current=page]`)
      await page.waitForSelector('main h1')
      const width = await page.evaluate('document.documentElement.scrollWidth')
      t.equal(width, 360, `${view} in ${language}`)
    }
    t.equal(await page.getAttribute('html', 'lang'), language)
  }
})
