/** What somebody does here, as a line of other tools: the page teaches what it does. */

/** In single quotes, as a POSIX shell takes them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

const { origin, hostname } = location
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

/** By tool: how to send a message; commands are told apart, since others tell what became of them. */
export function linesToSend(topic: string, payload: string): Record<string, string> {
  const pub = `mosquitto_pub -h ${hostname} -u USER -P PASSWORD -t ${quoted(topic)} -m ${quoted(payload)}`
  const connect = `import { connect } from ${JSON.stringify(`${base}client.js`)}
const hub = connect(${JSON.stringify(base)}, { user: 'USER', password: 'PASSWORD' })`
  if (!topic.endsWith('/set')) {
    const publish = `hub.publish(${JSON.stringify(topic)}, ${payload})`
    return { mosquitto_pub: pub, JavaScript: `${connect}\n${publish}` }
  }
  const device = topic.slice(0, -'/set'.length)
  const body = `{"device": ${JSON.stringify(device)}, "payload": ${payload}}`
  return {
    'clown-hub': `clown-hub set ${quoted(device)} ${quoted(payload)}`,
    mosquitto_pub: pub,
    curl: `curl -u USER ${origin}${new URL(base).pathname}api/command -d ${quoted(body)}`,
    JavaScript: `${connect}\nconsole.log(await hub.command(${JSON.stringify(device)}, ${payload}))`,
  }
}
