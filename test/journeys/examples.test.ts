import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { Page } from 'playwright-core'
import t from 'tap'
import { compileScript, parse } from 'vue/compiler-sfc'
import { requireNode } from '../npm-programs.ts'
import { requireProgram } from '../programs.ts'
import { servePage, startBrowser } from './chromium.ts'
import { lonelyNetwork } from './lonely-network.ts'
import { startCommand, startLab, startLabIn, unrecorded } from './started-lab.ts'

const examples = new URL('../../examples/', import.meta.url)
const html = readFileSync(new URL('page.html', examples), 'utf8')
const script = fileURLToPath(new URL('script.mjs', examples))

/** Waits until the page shows `line` for the nth time. */
async function shows(page: Page, line: string, times: number): Promise<void> {
  const count = `document.querySelector('#log').textContent.split(${JSON.stringify(`${line}\n`)}).length`
  await page.waitForFunction(`${count} > ${times}`)
}

/** Presses the buttons of the page, and waits for what the relay itself reports. */
async function pressAll(page: Page): Promise<void> {
  await shows(page, '$hub/auth/ok {"user":"clown"}', 1)
  await shows(page, 'relay/i2c0-3b {"state":false}', 1)
  await page.click('#on')
  await shows(page, 'relay/i2c0-3b {"state":true}', 1)
  // Sooner than after 200 ms the hub does not let a relay be switched again.
  await page.waitForTimeout(250)
  await page.click('#off')
  await shows(page, 'relay/i2c0-3b {"state":false}', 2)
}

t.test('the page of the README runs as it stands, from the origins it names', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  const elsewhere = 'http://localhost:5173'
  const lab = await startLab(t, { CLOWN_HTTP_ORIGINS: elsewhere })
  const port = await servePage(t, html)
  const rules = [
    `127.0.0.1:8080 127.0.0.1:${lab.httpPort}`,
    `localhost:5173 127.0.0.1:${port}`,
    `localhost:5174 127.0.0.1:${port}`,
  ]
  const browser = await startBrowser(t, executablePath, { rules })
  const own = 'http://127.0.0.1:8080/page.html'
  await browser.route(own, (route) => route.fulfill({ contentType: 'text/html', body: html }))
  for (const url of [own, elsewhere]) {
    const page = await browser.newPage()
    await page.goto(url)
    await pressAll(page)
    await page.close()
  }
  const stranger = await browser.newPage()
  await stranger.goto('http://localhost:5174')
  await shows(stranger, 'closed 1006 ', 1)
})

/** What docs/clown-talk.md says it runs in; the first of 20 that runs the hub. */
for (const version of ['20.19.0', '22.23.5', '24.22.3']) {
  t.test(`the script beside it runs as it stands in Node.js ${version}`, async (t) => {
    const network = await lonelyNetwork(t)
    const node = network && (await requireNode(t, version))
    if (network === undefined || node === undefined) return
    const ports = { CLOWN_HTTP_PORT: '8080', CLOWN_MQTT_PORT: '1883' }
    await startLabIn(t, { prefix: network.prefix, settings: ports })
    const program = startCommand(t, [...network.prefix, ...unrecorded, node, script], {})
    t.equal(await program.ended, 0)
    t.same(program.errors.items, [])
    t.same(program.output.items, [
      "$hub/auth/ok { user: 'clown' }",
      'relay/i2c0-3b/set { state: true }',
      'relay/i2c0-3b { state: true }',
      'closed 1005 ',
    ])
  })
}

/** How a program of each kind shows the component that is beside it. */
const mounts = {
  React: `import { createElement } from 'react'
    import { createRoot } from 'react-dom/client'
    import { RelaySwitch } from './relay-switch.jsx'
    const props = { topic: 'relay/i2c0-3b', title: 'Lamp' }
    createRoot(document.querySelector('main')).render(createElement(RelaySwitch, props))`,
  Vue: `import { createApp } from 'vue'
    import RelaySwitch from './relay-switch.vue'
    createApp(RelaySwitch, { topic: 'relay/i2c0-3b', title: 'Lamp' }).mount('main')`,
}

/** Components of Vue, compiled as its own tools do. */
const vueComponents: Plugin = {
  name: 'vue',
  setup({ onLoad }) {
    onLoad({ filter: /\.vue$/ }, ({ path }) => {
      const { descriptor } = parse(readFileSync(path, 'utf8'), { filename: path })
      const { content } = compileScript(descriptor, { id: 'example', inlineTemplate: true })
      return { contents: content, loader: 'js' }
    })
  },
}

/** A page with nothing but the component that `mount` shows. */
async function pageOf(mount: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: mount, resolveDir: fileURLToPath(examples) },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    charset: 'ascii',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [vueComponents],
  })
  const code = outputFiles[0]?.text.replaceAll('</script', '<\\/script')
  return `<!doctype html><main></main><script type="module">${code}</script>`
}

t.test('the page and the components that use the client library run as they stand', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  const elsewhere = 'http://localhost:5173'
  const lab = await startLab(t, { CLOWN_HTTP_ORIGINS: elsewhere })
  const port = await servePage(t, readFileSync(new URL('own-page.html', examples), 'utf8'))
  const rules = [`127.0.0.1:8080 127.0.0.1:${lab.httpPort}`, `localhost:5173 127.0.0.1:${port}`]
  const browser = await startBrowser(t, executablePath, { rules })
  const page = await browser.newPage()
  await page.goto(elsewhere)
  await shows(page, 'off', 1)
  await page.click('#toggle')
  await shows(page, 'confirmed', 1)
  await shows(page, 'on', 1)

  let was = 'on'
  for (const [library, mount] of Object.entries(mounts)) {
    const url = `${elsewhere}/${library}.html`
    const body = await pageOf(mount)
    await browser.route(url, (route) => route.fulfill({ contentType: 'text/html', body }))
    await page.goto(url)
    const says = (text: RegExp) => page.locator('output').filter({ hasText: text }).waitFor()
    await says(new RegExp(`^${was} $`))
    // Sooner than after 200 ms the hub does not let a relay be switched again.
    await page.waitForTimeout(250)
    was = was === 'on' ? 'off' : 'on'
    await page.getByRole('button', { name: 'Lamp' }).click()
    await says(new RegExp(`^${was} confirmed$`))
  }
})

t.test('the script that uses the client library runs as it stands', async (t) => {
  const lab = await startLab(t)
  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  const own = fileURLToPath(new URL('client-script.mjs', examples))
  const program = startCommand(t, [...unrecorded, process.execPath, own, url], {})
  t.equal(await program.ended, 0)
  t.same(program.errors.items, [])
  t.ok(program.output.items.includes('nodes/bridge/0/relay/i2c0-3b actuator'))
  t.equal(program.output.items.at(-1), 'confirmed')
})
