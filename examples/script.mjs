// Node.js has a WebSocket of its own from 22 on. For 20, `npm install ws` brings one.
const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket

const hub = new WebSocket('ws://127.0.0.1:8080/talk/nodes/bridge/0?sign-in=message')
const send = (topic, payload) => hub.send(`${JSON.stringify([topic, payload])}\n`)

hub.onopen = () => send('$hub/auth', { user: 'clown', password: 'bigclown' })
hub.onmessage = ({ data }) => {
  const [topic, payload] = JSON.parse(data)
  console.log(topic, payload)
  if (topic === '$hub/auth/ok') send('relay/i2c0-3b/set', { state: true })
  // The relay itself reports that it is on.
  if (topic === 'relay/i2c0-3b') hub.close()
}
hub.onclose = ({ code, reason }) => console.log('closed', code, reason)
