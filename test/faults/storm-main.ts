// A thousand clients in a process of their own, so that what they cost does not look like the hub's doing.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

const spreadMs = 1000
const urls: string[] = JSON.parse(process.argv[2] ?? '[]')
let websockets: WebSocket[] = []

/** A websocket that tries again, later each time, until it is open. */
async function persistent(url: string): Promise<WebSocket> {
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 2, 4000)) {
    const websocket = new WebSocket(url)
    websocket.on('error', () => {})
    // A refusal is an error first; either way it is closed then.
    const isOpen = await new Promise((resolve) => {
      websocket.once('open', () => resolve(true)).once('close', () => resolve(false))
    })
    if (isOpen) return websocket
    await delay(pauseMs * Math.random())
  }
}

async function come(): Promise<void> {
  const coming = urls.map(async (url) => {
    await delay(Math.random() * spreadMs)
    return persistent(url)
  })
  websockets = await Promise.all(coming)
}

async function drop(): Promise<void> {
  const closed = websockets.map((websocket) => once(websocket, 'close'))
  for (const websocket of websockets) websocket.terminate()
  await Promise.all(closed)
}

process.on('message', (order) => {
  const startMs = performance.now()
  const tell = () => process.send?.({ tookMs: performance.now() - startMs })
  const obey = order === 'come' ? come : drop
  obey().then(tell, tell)
})

// Whoever started it may go away without a word.
process.on('disconnect', () => process.exit())
