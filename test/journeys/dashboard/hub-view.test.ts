import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { hashPassword } from '../../../src/access/passwords.ts'
import { portOf } from '../../../src/core/listen.ts'
import { usersFile } from '../../access/users.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from '../../started-hub.ts'
import { basic } from '../../started-sign-in.ts'
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

/** What leads to a hub, and may be lost for a while. */
async function wayTo(t: Test, { httpPort }: HubPorts) {
  const ends = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(httpPort, '127.0.0.1')
    for (const end of [near, far]) ends.add(end.on('error', () => {}))
    near.pipe(far).pipe(near)
  })
  const lose = () => {
    server.close()
    for (const end of ends) end.destroy()
    ends.clear()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(lose)
  const port = portOf(server)
  return { httpPort: port, lose, find: () => void server.listen(port, '127.0.0.1') }
}

t.test('an admin looks after users, who is there, and what was hit [14]', async (t) => {
  const guest = { rules: [{ allow: ['read'], topic: 'house/#' }] }
  const ann = { role: 'viewer', password: await hashPassword('pass-word') }
  const hub = await startedHub(t, {
    usersFile: usersFile(t, JSON.stringify({ users: { ann }, roles: { guest } })),
    dialects: [{ dialect: 'deconz', port: 0 }],
    // Nothing listens there.
    bridges: [{ url: 'mqtt://127.0.0.1:1', name: 'cloud', out: ['house/#'] }],
    limits: { websocket: { recoveryBytes: 0 } },
  })
  const { client } = await mqttTo(t, hub)
  await client.publishAsync('house/mode', 'away', { qos: 1 })
  const way = await wayTo(t, hub)
  const opened = await openPage(t, way, { path: '/#/hub' })
  if (opened === undefined) return
  const { page, complaints } = opened
  const talk = await talkTo(t, hub)
  talk.send('x'.repeat(2000), 1)
  await talk.settle()
  await signInAs(page)
  const sessionOf = async (user: string, password: string) =>
    (await fetch(`http://127.0.0.1:${hub.httpPort}/session`, { headers: basic(user, password) }))
      .status

  await page.getByText('Add a user').first().click()
  await page.fill('#new-user', 'plug')
  await page.selectOption('#new-kind', 'tasmota')
  await page.fill('#new-topics', 'house/plug')
  await page.locator('.more[open] button', { hasText: 'Add a user' }).click()
  const secret = page.locator('.secret code')
  await secret.waitFor()
  t.equal(await sessionOf('plug', String(await secret.textContent())), 200)
  const plug = page.locator('.cards details', { has: page.locator('summary', { hasText: 'plug' }) })
  await plug.locator('summary').click()
  await plug.locator('.rules', { hasText: 'house/plug/#' }).waitFor()
  await plug.getByPlaceholder('What the token is for').fill('kitchen')
  await plug.getByRole('button', { name: 'New token' }).click()
  await page.locator('.secret code', { hasText: /^ch_/ }).waitFor()
  t.equal(await sessionOf('plug', String(await secret.textContent())), 200)
  await plug.getByLabel('Role').selectOption('guest')
  await plug.getByRole('button', { name: 'Save' }).click()
  await plug.locator('summary', { hasText: 'guest' }).waitFor()
  await page.getByText('Roles of the users file').click()
  await page.locator('.users .rules', { hasText: /^read:house\/#$/ }).waitFor()
  const remove = plug.getByRole('button', { name: 'Remove' })
  await remove.click()
  t.match(await remove.textContent(), 'really?')
  t.same(await barriersIn(page), [])
  await remove.click()
  await plug.waitFor({ state: 'detached' })

  const cloud = page.locator('.node-list li', { hasText: 'cloud' })
  for (const told of ['away', 'ECONNREFUSED', /next try in \d+ s/, /waiting: 1 \(\d+ B\)/])
    await cloud.filter({ hasText: told }).waitFor()
  await page.locator('summary', { hasText: 'topic-too-big' }).click()
  await page.getByText('limits.topic.bytes: 1024').waitFor()
  await page.getByText('Ban somebody').first().click()
  await page.selectOption('#ban-what', 'user')
  await page.fill('#ban-who', 'ann')
  await page.fill('#ban-reason', 'on holiday')
  await page.locator('.more[open] button', { hasText: 'Ban somebody' }).click()
  await page.locator('.node-list', { hasText: 'on holiday' }).waitFor()
  t.equal(await sessionOf('ann', 'pass-word'), 403)
  await page.getByRole('button', { name: 'Let a program in' }).click()
  await page.getByText(/Open for \d+ s/).waitFor()
  const closed = once(talk.websocket, 'close')
  const line = page.locator('tr', { has: page.locator('code', { hasText: 'nodes/bridge/0' }) })
  await line.getByRole('button').click()
  await line.getByRole('button').click()
  await closed
  t.same(complaints, [])

  // Whatever the page asks for by itself: what fails is said once, and until it does not.
  const sick = { status: 503, json: { code: 'sick', message: 'The hub is not well.' } }
  await page.route(/api\/(bans|limits|nodes)$/, (asked) => asked.fulfill(sick))
  await page.click('nav >> text=Devices')
  await page.click('nav >> text=Hub')
  const failures = page.locator('.failures li')
  await failures.filter({ hasText: /api\/bans.*: The hub is not well\.$/ }).waitFor()
  t.equal(await failures.count(), 1)
  t.same(await barriersIn(page), [])
  await page.unrouteAll()
  await failures.waitFor({ state: 'detached' })

  const strip = page.locator('.strip')
  way.lose()
  await strip.filter({ hasText: 'Not connected.' }).waitFor()
  await client.publishAsync('house/mode', 'back', { qos: 1 })
  way.find()
  await strip.filter({ hasText: /Left out for this page: \d+ messages/ }).waitFor()
  t.same(await barriersIn(page), [])
  await strip.getByRole('button', { name: 'I know of it' }).click()
  await page.route('**/healthz', async (asked) => {
    const told = await (await asked.fetch()).json()
    await asked.fulfill({ json: { ...told, overloaded: true } })
  })
  await strip.filter({ hasText: /^\s*The hub is overloaded/ }).waitFor()
  await page.unrouteAll()
})

/** What each calls devices. */
const languages = { cs: 'Zařízení', de: 'Geräte', fr: 'Appareils', en: 'Devices' }

t.test('each language fits on a phone, and is remembered [16]', async (t) => {
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
