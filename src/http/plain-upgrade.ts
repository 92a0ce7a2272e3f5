import type { IncomingMessage } from 'node:http'
import type { Handshake } from '../core/route.ts'

/** What belongs to an upgrade, and is left out with it: RFC 9110, 7.8, and RFC 7540, 3.2.1. */
const upgradeFields: ReadonlySet<string> = new Set(['upgrade', 'http2-settings'])

/** Whether a request asks for the only protocol the hub can turn to. */
export function asksForWebsocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * RFC 9110, 7.8: a server may ignore an upgrade, and then answers the request as it is. Node.js before 24 stops
 * reading HTTP at any of them, so the request is written anew, without the upgrade, before what follows it on
 * the socket: its body, if it has one.
 */
export function putBackWithoutUpgrade({ request, socket, head }: Handshake): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    const isConnection = name.toLowerCase() === 'connection'
    if (upgradeFields.has(name.toLowerCase())) continue
    lines.push(`${name}: ${isConnection ? optionsBesideUpgrade(value) : value}`)
  }
  socket.unshift(head)
  // Node.js reads the head of a request as Latin-1.
  socket.unshift(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
}

function optionsBesideUpgrade(value: string): string {
  const options = value.split(',').map((option) => option.trim())
  return options.filter((option) => !upgradeFields.has(option.toLowerCase())).join(', ')
}
