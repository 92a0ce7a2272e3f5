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
await Promise.all([speakAsAsked(), refreshSession()])
if (app !== null) render(<App />, app)
if ('serviceWorker' in navigator && isSecureContext) {
  // Without it the page works all the same, but for the start while the hub is away.
  navigator.serviceWorker.register('sw.js').catch(() => {})
}
