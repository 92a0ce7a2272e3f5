import { render } from 'preact'
import { App } from './app.tsx'
import { refreshSession } from './session.ts'
import { applyTheme } from './theme.ts'
import { speakAsAsked } from './words.ts'
import './style/base.css'
import './style/devices.css'
import './style/controls.css'
import './style/frame.css'

applyTheme()
const [app] = [document.querySelector('#app')]
try {
  await Promise.all([speakAsAsked(), refreshSession()])
} catch {
  // The hub has gone before its words were here.
  setTimeout(() => location.reload(), 3000)
}
if (app !== null) render(<App />, app)
if ('serviceWorker' in navigator && isSecureContext) {
  // Without it the page works all the same, but for the start while the hub is away.
  navigator.serviceWorker.register('sw.js').then(keepLoaded, () => {})
}

/** What was loaded before the worker was there is of the page, too, such as its words. */
async function keepLoaded(): Promise<void> {
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name)
  const cache = await caches.open('page-1')
  await cache.addAll(loaded.filter((name) => name.includes('/assets/')))
}
