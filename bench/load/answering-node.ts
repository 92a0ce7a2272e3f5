// A node that obeys at once: it reports as its state whatever it was asked for, as a real one does, at
// QoS 1 and retained. Argument: the URL of its broker.
import { connectAsync } from 'mqtt'
import { withoutDelay } from './without-delay.ts'

const [url = ''] = process.argv.slice(2)
const client = await connectAsync(url, { clientId: 'answering-node', protocolVersion: 4 })
withoutDelay(client)
client.on('message', (topic, payload) => {
  client.publish(topic.replace(/\/set$/, ''), payload, { qos: 1, retain: true })
})
await client.subscribeAsync('nodes/bridge/0/+/+/set', { qos: 1 })
process.send?.('ready')
