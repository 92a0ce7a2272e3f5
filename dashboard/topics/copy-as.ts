/** What somebody does here, as a line of other tools: the page teaches what it does. */

/** In single quotes, as a POSIX shell takes them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

const { hostname } = location
const base = new URL('.', document.baseURI).href

/** By tool: how to follow a topic. */
export function linesToFollow(topic: string): Record<string, string> {
  return {
    'clown-hub': `clown-hub sub ${quoted(topic)} --since 1h`,
    mosquitto_sub: `mosquitto_sub -h ${hostname} -u USER -P PASSWORD -v -t ${quoted(topic)}`,
    curl: `curl -u USER ${quoted(`${base}api/history?topic=${encodeURIComponent(topic)}&from=1h`)}`,
    JavaScript: `import { connect } from ${JSON.stringify(`${base}client.js`)}
const hub = connect(${JSON.stringify(base)}, { user: 'USER', password: 'PASSWORD' })
hub.on(${JSON.stringify(topic)}, ({ value }) => console.log(value))`,
  }
}

interface Sending {
  readonly qos: number
  readonly isRetained: boolean
}

/** By tool: how to send a message; commands are told apart, since others tell what became of them. */
export function linesToSend(
  topic: string,
  payload: string,
  sending: Sending,
): Record<string, string> {
  const place = `-h ${hostname} -u USER -P PASSWORD`
  const pub = `mosquitto_pub ${place} -t ${quoted(topic)} -m ${quoted(payload)}`
  const connect = `import { connect } from ${JSON.stringify(`${base}client.js`)}
const hub = connect(${JSON.stringify(base)}, { user: 'USER', password: 'PASSWORD' })`
  const post = (path: string, body: string) => `curl -u USER ${base}api/${path} -d ${quoted(body)}`
  const { qos, isRetained } = sending
  if (!topic.endsWith('/set')) {
    const options = `${isRetained ? ' -r' : ''}${qos > 0 ? ` -q ${qos}` : ''}`
    const asked = `${qos > 0 ? `, "qos": ${qos}` : ''}${isRetained ? ', "retain": true' : ''}`
    const lines = {
      'clown-hub': `clown-hub pub ${quoted(topic)} ${quoted(payload)}${options}`,
      mosquitto_pub: pub + options,
      curl: post('publish', `{"topic": ${JSON.stringify(topic)}, "payload": ${payload}${asked}}`),
    }
    // By the websocket nothing is retained.
    if (isRetained || qos > 0) return lines
    const publish = `hub.publish(${JSON.stringify(topic)}, ${payload})`
    return { ...lines, JavaScript: `${connect}\n${publish}` }
  }
  const device = topic.slice(0, -'/set'.length)
  return {
    'clown-hub': `clown-hub set ${quoted(device)} ${quoted(payload)}`,
    mosquitto_pub: pub,
    curl: post('command', `{"device": ${JSON.stringify(device)}, "payload": ${payload}}`),
    JavaScript: `${connect}\nconsole.log(await hub.command(${JSON.stringify(device)}, ${payload}))`,
  }
}
