import type { Page } from 'playwright-core'
import t from 'tap'
import { startSimulatedNode } from '../../src/simulator/start-simulated-node.ts'
import { requireProgram } from '../programs.ts'
import { startedHub } from '../started-hub.ts'
import { servePage, startBrowser } from './chromium.ts'

/** A page with one button, which toggles a relay and remembers all it is told. */
const relayPage = `<!doctype html><meta charset="utf-8"><title>A relay</title>
  <button>off</button>
  <script>
    const button = document.querySelector('button')
    const pending = new Set()
    const reports = []
    const ends = {}
    const open = (url) => new Promise((resolve) => {
      const websocket = new WebSocket(url)
      let count = 0
      websocket.onopen = () => resolve()
      websocket.onmessage = ({ data }) => {
        const [topic, payload, options] = JSON.parse(data)
        if (options?.id !== undefined) end(options.id, payload)
        else if (topic === 'relay/i2c0-3b') show(payload.state)
      }
      button.onclick = () => {
        const id = String(count++)
        pending.add(id)
        ends[id] = []
        const state = button.textContent === 'off'
        websocket.send(JSON.stringify(['relay/i2c0-3b/set', { state }, { id }]) + '\\n')
      }
    })
    const end = (id, { receipt, final }) => {
      if (!final) return
      pending.delete(id)
      ends[id].push(receipt)
    }
    const show = (state) => {
      reports.push(state)
      button.textContent = state ? 'on' : 'off'
    }
  </script>`

const clicks = 25

async function clickOften(page: Page): Promise<void> {
  // By the page itself: Playwright's own click waits for frames to be drawn, and so for the other page.
  for (let click = 0; click < clicks; click++) await page.evaluate('button.click()')
}

/** How each of the page's commands ended. */
async function endsOf(page: Page): Promise<string[][]> {
  await page.waitForFunction('pending.size === 0')
  const ends: Record<string, string[]> = await page.evaluate('ends')
  return Object.values(ends)
}

t.test(
  'F26: two operators who toggle at once see the same, and no command is left open',
  async (t) => {
    const executablePath = requireProgram(t, 'chromium')
    if (executablePath === undefined) return
    const origin = `http://127.0.0.1:${await servePage(t, relayPage)}`
    const hub = await startedHub(t, {
      http: { port: 0, origins: [origin] },
      // Both click faster than a relay may be switched.
      commands: { rules: [{ minIntervalMilliseconds: 0, perSecond: 0 }] },
      limits: { commands: { perUserPerSecond: 1000 } },
    })
    const broker = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
    // Late enough for the next command to come while one is under way.
    const node = await startSimulatedNode({ url: broker, faults: { lateMs: 30 } })
    t.teardown(() => node.close())
    const browser = await startBrowser(t, executablePath)
    const pages = await Promise.all([browser.newPage(), browser.newPage()])
    const url = `ws://clown:bigclown@127.0.0.1:${hub.httpPort}/talk/nodes/bridge/0`
    for (const page of pages) {
      await page.goto(origin)
      await page.evaluate(`open(${JSON.stringify(url)})`)
    }

    await Promise.all(pages.map(clickOften))
    const ends = (await Promise.all(pages.map(endsOf))).flat()
    t.equal(ends.length, 2 * clicks)
    t.ok(ends.every((names) => names.length === 1))
    const names = ends.flat()
    t.same(
      names.filter((name) => !['confirmed', 'superseded', 'refused'].includes(name)),
      [],
    )
    t.ok(names.includes('confirmed') && names.includes('superseded'))

    const sent = names.filter((name) => name !== 'refused').length
    // Besides its answers the node reports what it was asked for to be sure.
    const lengths = await Promise.all(pages.map((page) => page.evaluate('reports.length')))
    const seen = []
    for (const page of pages) {
      await page.waitForFunction(`reports.length >= ${Math.max(sent, ...lengths.map(Number))}`)
      seen.push({
        reports: await page.evaluate('reports'),
        shown: await page.textContent('button'),
      })
    }
    t.same(seen[0], seen[1])
  },
)
