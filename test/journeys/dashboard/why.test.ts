import t from 'tap'
import { barriersIn, openPage, signInAs, startedHouse, tileOf } from './opened-page.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

t.test('why: who sent a command, which rule let it pass, and who received it', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub, { viewport: { width: 360, height: 740 } })
  if (opened === undefined) return
  const { page, complaints } = opened
  await signInAs(page)
  await tileOf(page, relay).getByRole('switch').click()
  await tileOf(page, relay).locator('.word', { hasText: 'On' }).waitFor()
  await tileOf(page, relay).locator('h3 a').click()
  await page.getByRole('link', { name: 'Why?' }).click()
  const command = page.locator('.why-list li', { hasText: `${relay}/set` }).first()
  await command.locator('dd', { hasText: /confirmed, \d/ }).waitFor()
  const text = await command.textContent()
  t.match(text, /clown, 127\.0\.0\.1, clown-talk/)
  t.match(text, /admin/)
  t.match(text, /bridge/)
  t.same(await barriersIn(page), [])
  t.equal(await page.evaluate('document.documentElement.scrollWidth'), 360)
  await page.fill('input[type=search]', 'nothing/of/this')
  await page.press('input[type=search]', 'Enter')
  await page.locator('text=Nothing of that').waitFor()
  t.same(complaints, [])
})
