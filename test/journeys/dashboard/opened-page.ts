import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import type { ConfigInput } from '../../../src/config.ts'
import { startSimulatedNode } from '../../../src/simulator/start-simulated-node.ts'
import { requireProgram } from '../../programs.ts'
import { type HubPorts, startedHub } from '../../started-hub.ts'
import { startBrowser } from '../chromium.ts'

/** Each node has a user of its own, so that the hub knows whether it is there. */
export const houseUsers = {
  clown: { password: 'bigclown', role: 'admin' },
  eve: { password: 'bigclown', role: 'viewer' },
  bridge: { password: 'bigclown', role: 'node', base: 'nodes/bridge/0' },
  deaf: { password: 'bigclown', role: 'node', base: 'nodes/deaf' },
  lying: { password: 'bigclown', role: 'node', base: 'nodes/lying' },
} as const

type NodeOptions = Omit<Parameters<typeof startSimulatedNode>[0], 'url' | 'username' | 'password'>

/** A simulated node that signs in as `username`, closed at teardown. */
export async function startNode(
  t: Test,
  hub: HubPorts,
  { username, ...options }: NodeOptions & { username: string },
) {
  const url = `mqtt://127.0.0.1:${hub.mqttPort}`
  const node = await startSimulatedNode({
    url,
    username,
    password: 'bigclown',
    publishIntervalMs: 500,
    ...options,
  })
  t.teardown(node.close)
  return node
}

/** A hub with the node of the founding documents. */
export async function startedHouse(
  t: Test,
  http: { port?: number; pathPrefix?: string } = {},
  rules: NonNullable<ConfigInput['commands']>['rules'] = [],
) {
  const config = { users: houseUsers, http: { port: 0, ...http }, commands: { rules } }
  const hub = await startedHub(t, config)
  const bridge = await startNode(t, hub, { username: 'bridge', name: 'nodes/bridge/0' })
  return { hub, bridge }
}

export interface OpenedPage {
  readonly page: Page
  /** What the page or its policy complains of. */
  readonly complaints: readonly string[]
  /** What was asked of anybody but the hub. */
  readonly strangers: readonly string[]
}

/** A window of a browser, at the page of a hub; undefined, and the test skipped, where there is no browser. */
export async function openPage(
  t: Test,
  { httpPort }: Pick<HubPorts, 'httpPort'>,
  { path = '/', ...options }: BrowserContextOptions & { path?: string } = {},
): Promise<OpenedPage | undefined> {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return undefined
  const browser = await startBrowser(t, executablePath, { locale: 'en-GB', ...options })
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const complaints: string[] = []
  const strangers: string[] = []
  const home = `http://127.0.0.1:${httpPort}`
  page.on('console', (entry) => {
    // Chromium says so of each refused request, which are what the tests are about.
    if (!entry.text().startsWith('Failed to load resource')) complaints.push(entry.text())
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('request', (request) => {
    if (!request.url().startsWith(home)) strangers.push(request.url())
  })
  page.on('websocket', (websocket) => {
    if (!websocket.url().startsWith(home.replace('http', 'ws'))) strangers.push(websocket.url())
  })
  await page.goto(home + path)
  return { page, complaints, strangers }
}

/** Signs in by the form, and waits until it has. */
export async function signInAs(page: Page, user = 'clown', password = 'bigclown'): Promise<void> {
  await page.fill('#user', user)
  await page.fill('#password', password)
  await page.click('form button')
  await page.waitForSelector('.you')
}

/** The tile of a device, by its complete topic. */
export function tileOf(page: Page, topic: string) {
  return page.locator('.tile', { has: page.locator(`a[title="${topic}"]`) })
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What a reader aloud, or somebody who sees badly, would stumble over: rules of WCAG 2.2 AA, by axe. */
export async function barriersIn(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const found = await page.evaluate(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html + ' ' + failureSummary)))`,
  )
  return found as string[]
}
