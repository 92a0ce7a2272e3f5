// Switches a relay on, and ends when it says that it is. In Node.js 20: npm install ws.
import { connect } from 'clown-hub/client'

const { WebSocket } = globalThis.WebSocket ? globalThis : await import('ws')
const hub = connect(process.argv[2] ?? 'http://clown:bigclown@127.0.0.1:8080', { WebSocket })

hub.onState(async ({ name, why }) => {
  if (name === 'refused') throw new Error(why)
  if (name !== 'open') return
  for (const { topic, role } of await hub.devices()) console.log(topic, role)
  try {
    const { receipt } = await hub.command('nodes/bridge/0/relay/i2c0-3b', { state: true })
    console.log(receipt)
  } catch (error) {
    console.log(error.name, error.message)
  }
  hub.close()
})
