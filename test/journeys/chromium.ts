import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
} from 'playwright-core'
import root, { type Test } from 'tap'

/** A name that leads to this machine in the browser, as one of an attacker could. */
export const reboundName = 'evil.example'

/** Each is started once in a process of tests, which takes longer than most of them. */
const started = new Map<string, Promise<Browser>>()

/**
 * A new window of a headless Chromium, which knows nothing of others, closed at teardown; `executablePath` is where it
 * is installed. It finds hosts by `rules` such as `10.0.0.42:80 127.0.0.1:8090`.
 */
export async function startBrowser(
  t: Test,
  executablePath: string,
  { rules = [], ...options }: BrowserContextOptions & { rules?: readonly string[] } = {},
): Promise<BrowserContext> {
  const key = [executablePath, ...rules].join(' ')
  const browser = started.get(key) ?? launch(executablePath, rules)
  started.set(key, browser)
  const context = await (await browser).newContext(options)
  t.teardown(() => context.close())
  return context
}

async function launch(executablePath: string, rules: readonly string[]): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    `--host-resolver-rules=${[`${reboundName} 127.0.0.1`, ...rules].map((rule) => `MAP ${rule}`).join(',')}`,
    // Chromium's own guard of the local network, which others do not have, would hide ours.
    '--disable-features=LocalNetworkAccessChecks',
  ]
  const browser = await chromium.launch({ executablePath, args })
  root.teardown(() => browser.close())
  return browser
}

/** Serves `html` on a port of this machine, by any of its loopback names; answers the port. */
export async function servePage(t: Test, html: string): Promise<number> {
  const ports: number[] = []
  // A page of `localhost` may look for it at either address.
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html').end(html)
    })
    ports.push(await opened(t, server, { host, port: ports[0] ?? 0 }))
  }
  return ports[0] ?? 0
}

async function opened(t: Test, server: Server, at: { host: string; port: number }) {
  server.listen(at)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}
