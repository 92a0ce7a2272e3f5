import t from 'tap'
import { startedHub } from '../../started-hub.ts'
import { barriersIn, houseUsers, openPage, signInAs, startedHouse } from './opened-page.ts'

for (const pathPrefix of ['', '/my/hub']) {
  t.test(`a person signs in and out, with the prefix "${pathPrefix}"`, async (t) => {
    const { hub } = await startedHouse(t, { pathPrefix })
    const opened = await openPage(t, hub, { path: `${pathPrefix}/` })
    if (opened === undefined) return
    const { page, complaints, strangers } = opened
    t.equal(await page.title(), 'Clown.Hub')
    t.same(await barriersIn(page), [])
    await signInAs(page)
    await page.waitForSelector('.tile')
    await page.waitForSelector('.dot.is-live')
    await page.click('.you summary')
    t.match(await page.textContent('.menu'), 'Signed in as clown, admin')
    t.same(await barriersIn(page), [])
    await page.click('text=Sign out')
    await page.waitForSelector('#password')
    t.same(await page.locator('.tile').count(), 0, 'nothing of the house is left')
    t.same(complaints, [])
    t.same(strangers, [])
  })
}

t.test('each failure of signing in says what to do next [3]', async (t) => {
  const connections = { exemptLoopback: false }
  const signIn = { failuresPerUser: 2 }
  const hub = await startedHub(t, { users: houseUsers, limits: { signIn, connections } })
  const opened = await openPage(t, hub)
  if (opened === undefined) return
  const { page } = opened
  const problem = page.locator('.problem')
  const submit = async (password: string) => {
    await page.fill('#user', 'clown')
    await page.fill('#password', password)
    await page.click('form button')
  }
  await submit('one')
  await page.waitForSelector('.problem')
  t.match(await problem.textContent(), 'do not belong together. Look for a typing error')
  await submit('two')
  await problem.filter({ hasText: 'Too many wrong passwords' }).waitFor()
  t.match(await problem.textContent(), /Try again in \d+ s\./)
  t.ok(await page.isDisabled('form button'))
  await problem.filter({ hasText: 'You may try again now.' }).waitFor()
  t.ok(await page.isEnabled('form button'), 'the form opens by itself')
  await hub.close()
  await submit('three')
  await problem.filter({ hasText: 'The hub does not answer.' }).waitFor()
  t.match(await problem.textContent(), 'Is it running')
})

t.test('when a session ends, the page says so and asks to sign in [3]', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub)
  if (opened === undefined) return
  const { page } = opened
  await signInAs(page)
  await page.waitForSelector('.dot.is-live')
  const elsewhere = await openPage(t, hub)
  if (elsewhere === undefined) return
  await signInAs(elsewhere.page)
  await elsewhere.page.click('.you summary')
  await elsewhere.page.click('text=Sign out everywhere')
  await page.waitForSelector('#password')
  t.match(await page.textContent('.note'), 'You have been signed out.')
})
