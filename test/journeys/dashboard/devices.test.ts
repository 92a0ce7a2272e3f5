import t from 'tap'
import { basic } from '../../started-sign-in.ts'
import {
  barriersIn,
  type OpenedPage,
  openPage,
  signInAs,
  startedHouse,
  startNode,
  tileOf,
} from './opened-page.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

async function signedInPage(...args: Parameters<typeof openPage>): Promise<OpenedPage | undefined> {
  const opened = await openPage(...args)
  if (opened !== undefined) await signInAs(opened.page)
  return opened
}

t.test('the first tile is there a second after the page is loaded, and live [2, 9]', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await signedInPage(t, hub)
  if (opened === undefined) return
  const { page, complaints, strangers } = opened
  await page.waitForSelector('.tile')
  await page.reload({ waitUntil: 'load' })
  const loaded = Date.now()
  await page.waitForSelector('.tile')
  const tookMs = Date.now() - loaded
  t.ok(tookMs <= 1000, `${tookMs} ms`)
  const thermometer = tileOf(page, 'nodes/bridge/0/thermometer/i2c0-48')
  t.match(await thermometer.textContent(), /Thermometer i2c0-48.*[\d.]+ °C/)
  const before = await thermometer.locator('.number').textContent()
  await thermometer
    .locator('.number')
    .filter({ hasNotText: `${before}` })
    .waitFor()
  await thermometer.locator('.sparkline path').waitFor({ state: 'attached' })
  t.match(await thermometer.locator('.range').textContent(), /[\d.]+ – [\d.]+/)
  t.same(await barriersIn(page), [])
  t.same(complaints, [])
  t.same(strangers, [])
})

t.test('two people toggle one relay, and both see what it is and who did it [8]', async (t) => {
  const { hub } = await startedHouse(t)
  const [one, other] = [await signedInPage(t, hub), await signedInPage(t, hub)]
  if (one === undefined || other === undefined) return
  const tiles = [tileOf(one.page, relay), tileOf(other.page, relay)] as const
  const becomes = async (word: string) => {
    for (const tile of tiles) await tile.locator('.word', { hasText: word }).waitFor()
  }
  await becomes('Off')
  await tiles[0].getByRole('switch').click()
  await becomes('On')
  t.equal(await tiles[1].getByRole('switch').getAttribute('aria-checked'), 'true')
  for (const tile of tiles) await tile.locator('.age', { hasText: 'clown, ' }).waitFor()
  await tiles[1].getByRole('switch').press('Enter')
  await becomes('Off')
  for (const { page } of [one, other]) t.equal(await page.locator('.condition-text').count(), 0)
})

t.test('a device that does not do as it is told is shown as it is [8]', async (t) => {
  const { hub } = await startedHouse(t)
  await startNode(t, hub, { username: 'deaf', name: 'nodes/deaf', faults: { isDeaf: true } })
  await startNode(t, hub, { username: 'lying', name: 'nodes/lying', faults: { isLying: true } })
  const opened = await signedInPage(t, hub)
  if (opened === undefined) return
  const { page } = opened
  const deaf = tileOf(page, 'nodes/deaf/relay/i2c0-3b')
  await deaf.getByRole('switch').click()
  await deaf.locator('.condition', { hasText: /Asked: On \(\d s\)/ }).waitFor()
  t.equal(await deaf.locator('.word').textContent(), 'Off', 'what it is, while it is asked')
  const lying = tileOf(page, 'nodes/lying/relay/i2c0-3b')
  await lying.getByRole('switch').click()
  await deaf.locator('.condition', { hasText: 'Unconfirmed' }).waitFor()
  t.equal(await deaf.getByRole('switch').getAttribute('aria-checked'), 'false')
  await lying.locator('.condition', { hasText: 'reports something else' }).waitFor()
  t.equal(await lying.locator('.word').textContent(), 'Off')
  t.same(await barriersIn(page), [])
})

t.test('a node that goes takes its switches with it, and says so [8]', async (t) => {
  const { hub, bridge } = await startedHouse(t)
  const opened = await signedInPage(t, hub)
  if (opened === undefined) return
  const { page } = opened
  const tile = tileOf(page, relay)
  await tile.getByRole('switch').waitFor()
  await bridge.close()
  await tile.locator('.condition', { hasText: 'Its node is offline.' }).waitFor()
  await page.locator('.node-condition', { hasText: 'offline, last heard' }).waitFor()
  t.ok(await tile.getByRole('button', { name: 'On' }).isDisabled())
  await startNode(t, hub, { username: 'bridge', name: 'nodes/bridge/0' })
  await tile.getByRole('switch').waitFor()
  await page.locator('.node-condition', { hasText: 'online' }).waitFor()
})

t.test('who locks a device keeps everybody from switching it, and they read why [8]', async (t) => {
  const { hub } = await startedHouse(t, {}, [{ topic: relay, autoOffSeconds: 7200 }])
  const opened = await signedInPage(t, hub, { viewport: { width: 360, height: 740 } })
  if (opened === undefined) return
  const { page } = opened
  await tileOf(page, relay).locator('h3 a').click()
  await page.getByLabel('Why nobody may switch it').fill('the belt is off')
  await page.getByRole('button', { name: 'Lock' }).click()
  await page.locator('.condition', { hasText: 'Locked by clown: the belt is off' }).waitFor()
  t.ok(await page.getByRole('switch').isDisabled())
  t.same(await barriersIn(page), [])
  await page.click('text=Unlock')
  await page.waitForSelector('[role=switch]:enabled')
  await page.getByRole('switch').click()
  await page.locator('td', { hasText: 'confirmed' }).waitFor()
  await page.locator('.age', { hasText: 'off after 2 hr' }).waitFor()
  await page.getByLabel('Turn off after').selectOption('60')
  await page.locator('.age', { hasText: 'off after 1 min' }).waitFor()
  await fetch(`http://127.0.0.1:${hub.httpPort}/api/label`, {
    ...{ method: 'POST', headers: basic('clown', 'bigclown') },
    body: JSON.stringify({ device: relay, autoOffSeconds: 1 }),
  })
  await page.locator('.age', { hasText: 'off after 1 sec' }).waitFor()
  await page.locator('.word', { hasText: 'Off' }).waitFor()
  const wide = await page.evaluate('document.documentElement.scrollWidth')
  t.equal(wide, 360, 'nothing is wider than the phone')
  await page.click('.back')
  const tile = tileOf(page, relay)
  await tile.getByRole('button', { name: 'turn it off after some time' }).click()
  await tile.getByLabel('Why nobody may switch it').fill('at lunch')
  await tile.getByRole('button', { name: 'Lock', exact: true }).click()
  await tile.locator('.condition', { hasText: 'Locked by clown: at lunch' }).waitFor()
  t.same(await barriersIn(page), [])
})

t.test('a switch that has to be held does nothing when it is touched in passing [8]', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await signedInPage(t, hub)
  if (opened === undefined) return
  const { page } = opened
  await tileOf(page, relay).locator('h3 a').click()
  await page.getByLabel('Hold to switch').check()
  await page.click('.back')
  const control = tileOf(page, relay).getByRole('switch')
  await control.click()
  t.equal(await control.getAttribute('aria-busy'), 'false')
  await control.hover()
  await page.mouse.down()
  await tileOf(page, relay).locator('.word', { hasText: 'On' }).waitFor()
  await page.mouse.up()
})

t.test('who may only look is told so, and has no switch that works', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub)
  if (opened === undefined) return
  await signInAs(opened.page, 'eve')
  const control = tileOf(opened.page, relay).getByRole('switch')
  await control.waitFor()
  t.ok(await control.isDisabled())
  t.equal(await control.getAttribute('title'), 'You may look, not switch.')
})

t.test('a page that stays open sees its hub go, and come back [14, 15]', async (t) => {
  const { hub, bridge } = await startedHouse(t)
  const opened = await signedInPage(t, hub)
  if (opened === undefined) return
  const { page } = opened
  await page.waitForSelector('.dot.is-live')
  const tile = tileOf(page, 'nodes/bridge/0/thermometer/i2c0-48')
  const number = await tile.locator('.number').textContent()
  await bridge.close()
  await hub.close()
  await page.locator('.strip', { hasText: 'Not connected.' }).waitFor()
  t.match(await tile.locator('.number').textContent(), /\d/, `${number} stays, greyed`)
  t.match(await tile.getAttribute('class'), 'is-old')
  const switches = page.locator('.is-switch button')
  for (const each of await switches.all()) t.ok(await each.isDisabled())
  t.same(await barriersIn(page), [])
  // Sessions are in memory: who comes back to another hub has to sign in anew.
  await startedHouse(t, { port: hub.httpPort })
  await page.waitForSelector('#password')
  await signInAs(page)
  await page.waitForSelector('.dot.is-live')
  await tileOf(page, relay).getByRole('switch').waitFor()
})
