import t from 'tap'
import { WebSocket } from 'ws'
import { talkOver } from '../../started-hub.ts'
import { barriersIn, openPage, signInAs, startedHouse, tileOf } from './opened-page.ts'

const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'
const relay = 'nodes/bridge/0/relay/i2c0-3b'

t.test(
  'a link lets others look at what was named, on the wall too, until it is ended [12]',
  async (t) => {
    const { hub } = await startedHouse(t)
    const opened = await openPage(t, hub)
    if (opened === undefined) return
    const { page, complaints, strangers } = opened
    await signInAs(page)
    await tileOf(page, thermometer).waitFor()
    await page.getByRole('link', { name: 'Share' }).click()
    await page.fill('#share-title', 'Temperature, for the neighbours')
    await page.fill('#share-filters', 'nodes/bridge/0/thermometer/#\nnodes/bridge/0/relay/#')
    await page.getByRole('button', { name: 'Make a link' }).click()
    const url = new URL(String(await page.locator('.made-link code').textContent()))
    await page.getByRole('img', { name: 'The link as a QR code' }).waitFor()
    await page.locator('.node-list li', { hasText: 'for the neighbours' }).waitFor()
    t.same(await barriersIn(page), [])

    const guest = await openPage(t, hub, { path: `/${url.hash}` })
    if (guest === undefined) return
    await tileOf(guest.page, thermometer).waitFor()
    t.equal(await guest.page.locator('h1').textContent(), 'Temperature, for the neighbours')
    await tileOf(guest.page, relay).getByRole('switch').waitFor()
    t.ok(await tileOf(guest.page, relay).getByRole('switch').isDisabled())
    t.equal(await guest.page.locator('nav').count(), 0)
    t.equal(await guest.page.locator('a[title*=humidity]').count(), 0)
    t.same(await barriersIn(guest.page), [])

    // What the page leaves out the hub refuses, too.
    const [id = '', token] = url.hash.slice('#/join/'.length).split('.')
    const headers = { Authorization: `Basic ${btoa(`${id}:${token}`)}` }
    const home = `http://127.0.0.1:${hub.httpPort}`
    const switched = await fetch(`${home}/api/command`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify({ device: relay, payload: { state: true } }),
    })
    t.equal(switched.status, 403)
    const talk = await talkOver(
      t,
      new WebSocket(`ws://127.0.0.1:${hub.httpPort}/talk`, { headers }),
    )
    t.match((await talk.on(thermometer))[1], { temperature: [] })
    t.notOk(talk.frames.items.some(([topic]) => topic.includes('humidity')))

    await page.getByRole('button', { name: 'End it' }).click()
    await page.locator('text=There are none.').waitFor()
    await guest.page.waitForSelector('#password')
    const late = await openPage(t, hub, { path: `/${url.hash}` })
    await late?.page.locator('.problem', { hasText: 'does not open anything' }).waitFor()
    t.same([...complaints, ...strangers], [])

    // Who is signed in is asked before, and on the wall there are tiles alone.
    await page.goto(`${home}/${url.hash}`)
    await page.getByRole('link', { name: 'Stay as I am' }).click()
    await page.getByRole('link', { name: 'On the wall' }).click()
    await page.locator('.kiosk .tile').first().waitFor()
    t.same(await barriersIn(page), [])
    await page.getByRole('link', { name: 'All of the page' }).click()
    await page.locator('nav').first().waitFor()
  },
)
