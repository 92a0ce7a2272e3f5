import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { announceThings, topicOf } from './announced-things.ts'
import { barriersIn, openPage, signInAs, startedHouse, tileOf } from './opened-page.ts'

const [thermometer, relay] = ['thermometer/i2c0-48', 'relay/i2c0-3b'].map(
  (name) => `nodes/bridge/0/${name}`,
) as [string, string]

/** Waits until a device was told something that matches. */
async function untilTold(page: Page, told: readonly string[], wanted: RegExp): Promise<void> {
  for (let tries = 0; tries < 200 && !told.some((line) => wanted.test(line)); tries++) {
    await page.waitForTimeout(50)
  }
}

// One hub and one page, on which people do one thing after the other.
t.test('a house: things of every kind, called and arranged as people want', async (t) => {
  const { hub, bridge } = await startedHouse(t)
  const told = await announceThings(t, hub)
  const opened = await openPage(t, hub)
  if (opened === undefined) return
  const { page, complaints } = opened
  await signInAs(page)
  const tile = (kind: string) => tileOf(page, topicOf(kind))
  const isTold = async (t: Test, wanted: RegExp) => {
    await untilTold(page, told, wanted)
    t.ok(
      told.some((line) => wanted.test(line)),
      `${wanted} in ${told.join(', ')}`,
    )
  }
  await tile('light').waitFor()

  await t.test('a light has brightness, warmth and colour', async (t) => {
    const brightness = tile('light').getByRole('slider', { name: /Brightness/ })
    t.equal(await brightness.inputValue(), '50')
    await brightness.fill('80')
    await isTold(t, /it\/light\/set .*"brightness":20[34]/)
    await tile('light').locator('output', { hasText: '80 %' }).waitFor()
    await tile('light').locator('input[type=color]').fill('#00ff00')
    await isTold(t, /it\/light\/set .*"g":255/)
    await tile('light').getByRole('switch').click()
    await isTold(t, /it\/light\/set .*"state":"OFF"/)
    await tile('light').locator('.word', { hasText: 'Off' }).waitFor()
  })

  await t.test('a cover opens, stops and closes, and goes to a position', async (t) => {
    await tile('cover').locator('.says', { hasText: 'Open' }).waitFor()
    await tile('cover').getByRole('button', { name: 'Close' }).click()
    await isTold(t, /it\/cover\/set CLOSE/)
    await tile('cover').locator('.says', { hasText: 'Closed' }).waitFor()
    await tile('cover')
      .getByRole('slider', { name: /Position/ })
      .fill('30')
    await isTold(t, /it\/cover\/position\/set 30/)
  })

  await t.test('a thermostat has a target in steps, and modes', async (t) => {
    t.equal(await tile('climate').locator('.number').textContent(), '19.5')
    await tile('climate').getByRole('button', { name: 'Higher' }).click()
    await isTold(t, /it\/climate\/target\/set 21.5/)
    await tile('climate')
      .locator('output', { hasText: /21.5 °C/ })
      .waitFor()
    const modes = tile('climate').getByRole('combobox')
    t.same(await modes.getByRole('option').allTextContents(), ['off', 'heat', 'auto'])
    await modes.selectOption('auto')
    await isTold(t, /it\/climate\/mode\/set auto/)
  })

  await t.test(
    'locks, fans, numbers, choices, texts and buttons do what they are told',
    async (t) => {
      await tile('lock').getByRole('button', { name: 'Unlock' }).click()
      await isTold(t, /it\/lock\/set UNLOCK/)
      await tile('lock').locator('.says', { hasText: 'Unlocked' }).waitFor()
      await tile('fan').getByRole('slider').fill('90')
      await isTold(t, /it\/fan\/speed\/set 90/)
      for (const [kind, text] of [
        ['number', '7.5'],
        ['text', 'good bye'],
      ] as const) {
        await tile(kind).getByRole('textbox').fill(text)
        await tile(kind).getByRole('button', { name: 'Set' }).click()
        await isTold(t, new RegExp(`it/${kind}/set ${text}`))
      }
      const select = tile('select').getByRole('combobox')
      t.same(await select.getByRole('option').allTextContents(), ['eco', 'comfort'])
      await select.selectOption('comfort')
      await isTold(t, /it\/select\/set comfort/)
      await tile('button').getByRole('button', { name: 'Press' }).click()
      await isTold(t, /it\/button\/set/)
    },
  )
  t.same(await barriersIn(page), [])

  await t.test('a device is named and put into a room, for everybody who looks', async (t) => {
    const other = await openPage(t, hub)
    if (other === undefined) return
    await signInAs(other.page, 'eve')
    t.equal(await other.page.getByRole('button', { name: 'Arrange' }).count(), 0)
    await page.getByRole('button', { name: 'Arrange' }).click()
    const arranged = tileOf(page, thermometer)
    await arranged.getByLabel('Name').fill('Cellar, north')
    await arranged.getByLabel('Room').fill('Cellar')
    await arranged.getByLabel('Picture').selectOption('humidity')
    await arranged.getByRole('button', { name: 'Save' }).click()
    await arranged.locator('[role=status]', { hasText: 'Saved.' }).waitFor()
    await tileOf(page, relay).getByLabel('Hidden').check()
    await tileOf(page, relay).locator('[role=status]', { hasText: 'Saved.' }).waitFor()
    await tileOf(page, thermometer).getByLabel('Favourite').check()
    await page.locator('section[aria-label=Favourites]').waitFor()
    t.same(await barriersIn(page), [])
    await page.getByRole('button', { name: 'Done' }).click()
    await tileOf(other.page, thermometer)
      .first()
      .locator('.kind', { hasText: 'Cellar, north' })
      .waitFor()
    await tileOf(other.page, relay).waitFor({ state: 'detached' })
  })

  await t.test('rooms are pages of their own, and places are kept', async (t) => {
    await page.getByRole('link', { name: 'Cellar', exact: true }).click()
    await page.locator('.tile').nth(1).waitFor({ state: 'detached' })
    t.equal(await page.locator('.tile').count(), 1)
    t.match(page.url(), /page=Cellar/)
    await page.getByRole('link', { name: 'All', exact: true }).click()
    await page.getByLabel('Grouped by').selectOption('node')
    await page.locator('section[aria-label="nodes/bridge/0"]').waitFor()
    await page.getByRole('button', { name: 'Arrange' }).click()
    const first = page.locator('section[aria-label="nodes/bridge/0"] .tile h3 a').first()
    const [before, moved] = [
      await first.getAttribute('title'),
      page.locator('section[aria-label="nodes/bridge/0"] .tile').nth(1),
    ]
    await moved.getByRole('button', { name: 'earlier' }).click()
    await page
      .locator(`section[aria-label="nodes/bridge/0"] .tile:nth-child(2) a[title="${before}"]`)
      .waitFor()
    await page.getByRole('button', { name: 'Done' }).click()
  })

  await t.test('who is not connected can ask for nothing', async (t) => {
    await bridge.close()
    await hub.close()
    await page.locator('.strip', { hasText: 'Not connected.' }).waitFor()
    for (const each of await page.locator('.is-switch :is(button, input, select)').all()) {
      t.ok(await each.isDisabled())
    }
    t.same(
      complaints.filter((text) => !text.includes('WebSocket')),
      [],
    )
  })
})
