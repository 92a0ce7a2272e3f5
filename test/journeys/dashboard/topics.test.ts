import t from 'tap'
import { mqttTo } from '../../started-hub.ts'
import { barriersIn, openPage, signInAs, startedHouse } from './opened-page.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

t.test(
  'the tree has every topic, and one that is chosen says what changed [4, 5, 7]',
  async (t) => {
    const { hub } = await startedHouse(t)
    const opened = await openPage(t, hub, { path: '/#/topics' })
    if (opened === undefined) return
    const { page, complaints, strangers } = opened
    await signInAs(page)
    const row = page.locator('.topic-row', { hasText: 'i2c0-3b' })
    await row.waitFor()
    await row.click()
    await page.locator('.payload', { hasText: '"state": false' }).waitFor()
    t.equal(await page.inputValue('#publish-topic'), `${relay}/set`)
    await page.fill('#publish-payload', '{"state": "perhaps"}')
    const refusal = page.locator('#publish-check', { hasText: 'The hub would refuse this' })
    await refusal.filter({ hasText: 'expected /state to be' }).waitFor()
    t.equal(await page.getAttribute('#publish-payload', 'aria-invalid'), 'true')
    t.same(await barriersIn(page), [])
    await page.fill('#publish-payload', '{"state": true}')
    await refusal.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Send the command' }).click()
    await page.locator('.answers li', { hasText: 'confirmed' }).waitFor()
    await page.locator('.payload .is-new', { hasText: '+   "state": true' }).waitFor()
    t.match(await page.locator('.payload .is-gone').textContent(), '−   "state": false')
    const lines = page.locator('.publish .copyable code')
    t.equal(await lines.textContent(), `clown-hub set '${relay}' '{"state": true}'`)
    await page.locator('.publish .copy-as button', { hasText: 'curl' }).click()
    t.match(await lines.textContent(), `/api/command -d '{"device": "${relay}"`)
    t.same(await barriersIn(page), [])
    t.same(complaints, [])
    t.same(strangers, [])
  },
)

t.test('filters of MQTT and texts find topics, and bytes are shown as bytes [4, 5]', async (t) => {
  const { hub } = await startedHouse(t)
  const opened = await openPage(t, hub, { path: '/#/topics' })
  if (opened === undefined) return
  const { page } = opened
  await signInAs(page)
  const { client } = await mqttTo(t, hub)
  await page.locator('.topic-row', { hasText: 'i2c0-3b' }).waitFor()
  await client.publishAsync('nodes/bridge/0/thermometer/odd', '{"temperature": "warm"}')
  await page.fill('[type=search]', 'thermometer/odd')
  await page.locator('.topic-row').click()
  const problem = page.locator('.payload', { hasText: 'Not as the schema of its topic says' })
  await problem.filter({ hasText: 'expected /temperature to be' }).waitFor()
  await page.fill('[type=search]', '')
  await client.publishAsync('camera/door', Buffer.from([0xff, 0xd8, 0x41, 0x00]))
  await page.locator('.topic-row', { hasText: 'camera' }).waitFor()
  const rows = page.locator('.topic-row')
  await page.fill('[type=search]', 'nodes/+/0/relay/+')
  await page.locator('[role=status]', { hasText: 'Found: 2 of' }).waitFor()
  t.equal(await rows.count(), 2)
  await page.fill('[type=search]', 'camera')
  await rows.filter({ hasText: 'camera/door' }).click()
  await page.locator('.payload', { hasText: '0000  ff d8 41 00' }).waitFor()
  await page.locator('[role=tree]').press('Home')
  t.equal(await page.locator('[role=treeitem][aria-selected=true]').count(), 1)
})

t.test(
  'what is published may be retained, is marked, and is removed after a look at it [6, 7]',
  async (t) => {
    const { hub } = await startedHouse(t)
    const opened = await openPage(t, hub, { path: '/#/topics' })
    if (opened === undefined) return
    const { page, complaints } = opened
    await signInAs(page)
    const publish = async (topic: string, payload: string) => {
      await page.fill('#publish-topic', topic)
      await page.fill('#publish-payload', payload)
      await page.getByRole('button', { name: 'Publish' }).click()
      await page.locator('.answers li', { hasText: 'Published' }).waitFor()
    }
    await page.fill('#publish-topic', 'house/mode')
    await page.selectOption('#publish-qos', '1')
    await page.check('.publish .check input')
    const line = page.locator('.publish .copyable code')
    t.match(await line.textContent(), "clown-hub pub 'house/mode' '{\"state\": true}' -r -q 1")
    await publish('house/mode', '"away"')
    await publish('house/mode/since', 'noon')
    const late = await mqttTo(t, hub, { filter: 'house/#' })
    t.same(
      [await late.messages.next(), await late.messages.next()].map(({ topic }) => topic).sort(),
      ['house/mode', 'house/mode/since'],
    )
    await page.reload()
    const row = page.locator('.topic-row', { has: page.getByText('mode', { exact: true }) })
    await row.locator('.is-retained').waitFor()
    await row.click()
    await page.getByText('Retained here and below: 2').click()
    await page.locator('.retained li', { hasText: 'house/mode/since' }).waitFor()
    t.same(await barriersIn(page), [])
    await page.getByRole('button', { name: 'Remove all 2' }).click()
    await page.getByRole('button', { name: 'Remove all 2: really?' }).click()
    await page.locator('.retained').waitFor({ state: 'detached' })
    await publish('house/bad', '"x"')
    await page.fill('#publish-topic', '$SYS/a')
    await page.check('.publish .check input')
    await page.getByRole('button', { name: 'Publish' }).click()
    await page.locator('.answers li', { hasText: 'Refused' }).waitFor()
    t.same(complaints, [])
  },
)

t.test('ten thousand topics are looked through without waiting [4]', async (t) => {
  const { hub } = await startedHouse(t)
  const { client } = await mqttTo(t, hub)
  const opened = await openPage(t, hub, { path: '/#/topics' })
  if (opened === undefined) return
  const { page } = opened
  await signInAs(page)
  await page.waitForSelector('.topic-row')
  // What comes faster than a page on a busy machine reads is left out for it.
  for (let from = 0; from < 10_000; from += 250) {
    const some = Array.from({ length: 250 }, (_, at) => from + at)
    const publish = (at: number) =>
      client.publishAsync(`many/${at % 100}/${at}`, `${at}`, { qos: 1 })
    await Promise.all(some.map(publish))
  }
  await page.locator('[role=status]', { hasText: /Topics: 100\d\d/ }).waitFor()
  t.ok((await page.locator('.topic-row').count()) < 100, 'only what can be seen is drawn')
  const before = Date.now()
  await page.fill('[type=search]', 'many/+/9999')
  await page.locator('[role=status]', { hasText: 'Found: 1 of' }).waitFor()
  const tookMs = Date.now() - before
  t.ok(tookMs < 1000, `${tookMs} ms`)
})
