/** What each student of a class gets on paper: who they are to the hub, and the first lines for a board and a page. */
import { renderSVG } from 'uqr'

/** What was made for a student. */
export interface ClassCard {
  /** As the list of the class has it. */
  readonly name: string
  readonly user: string
  readonly password: string
  /** What all topics of the student begin with. */
  readonly base: string
  readonly board: NodeLogin
  readonly simulated: NodeLogin
}

interface NodeLogin {
  readonly user: string
  readonly base: string
  readonly token: string
}

interface Place {
  /** Where pages find the hub. */
  readonly url: string
  readonly mqttPort: number
}

/** A page of HTML, on which each student has a card that is not torn between two sheets. */
export function sheetOf(cards: readonly ClassCard[], place: Place): string {
  return `<!doctype html>
<meta charset="utf-8">
<title>Clown.Hub</title>
<style>
  body { font: 11pt/1.4 sans-serif; margin: 1cm; }
  article { border: 1px solid #999; border-radius: 6px; padding: 5mm; margin-bottom: 5mm; break-inside: avoid; }
  article > svg { float: right; width: 32mm; height: 32mm; }
  h2 { margin: 0; }
  pre { font: 8.5pt/1.35 monospace; background: #f4f4f4; padding: 2mm; white-space: pre-wrap; overflow-wrap: anywhere; clear: both; }
</style>
${cards.map((card) => cardOf(card, place)).join('\n')}
`
}

function cardOf(card: ClassCard, place: Place): string {
  const { name, user, password, base, simulated } = card
  const page = `${place.url}/#/devices?user=${encodeURIComponent(user)}`
  return `<article>
${renderSVG(page)}
<h2>${plain(name)}</h2>
<p>${plain(place.url)}<br>user <b>${plain(user)}</b>, password <b>${plain(password)}</b></p>
<p>Your topics begin with <b>${plain(base)}</b>. A simulated node is there: ${plain(simulated.base)}.</p>
<pre>${plain(arduinoLines(card, place))}</pre>
<pre>${plain(pythonLines(card, place))}</pre>
<pre>${plain(browserLines(card, place))}</pre>
</article>`
}

/** For ESP8266 and ESP32, with PubSubClient: examples/relay-node.ino goes on from here. */
function arduinoLines({ board }: ClassCard, { url, mqttPort }: Place): string {
  return `// Arduino, with PubSubClient
mqtt.setServer("${hostOf(url)}", ${mqttPort});
mqtt.connect("${board.user}", "${board.user}", "${board.token}");
mqtt.publish("${board.base}/thermometer/0", "{\\"temperature\\":[21.5,\\"℃\\"]}");`
}

function pythonLines({ board }: ClassCard, { url, mqttPort }: Place): string {
  return `# MicroPython, with umqtt.simple
mqtt = MQTTClient("${board.user}", "${hostOf(url)}", ${mqttPort}, user="${board.user}", password="${board.token}")
mqtt.connect()
mqtt.publish(b"${board.base}/thermometer/0", '{"temperature":[21.5,"℃"]}')`
}

function browserLines({ user, password, simulated }: ClassCard, { url }: Place): string {
  return `// Browser: the console of ${url}
hub = new WebSocket("${url.replace(/^http/, 'ws')}/talk/${simulated.base}?sign-in=message")
hub.onmessage = ({ data }) => console.log(data)
hub.onopen = () => hub.send('["$hub/auth", {"user": "${user}", "password": "${password}"}]\\n["clown.talk/-/config/set", {}]\\n')
hub.send('["relay/i2c0-3b/set", {"state": true}]\\n')`
}

function hostOf(url: string): string {
  return new URL(url).hostname
}

/** Text within a page. */
function plain(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
