import { isIPv4, isIPv6 } from 'node:net'

/** Whether a peer's address is this machine itself, `::ffff:127.0.0.1` included. */
export function isLoopback(address: string): boolean {
  const plain = unmapped(address)
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))
}

/** Whether only this machine reaches who listens on `host`, an address or a name. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || isLoopback(host)
}

/**
 * What counts as one address: all of an IPv4 address, the first 64 bits of an IPv6 address, since
 * whoever has one of those has the rest of its network too.
 */
export function addressGroup(address: string): string {
  const plain = unmapped(address)
  if (!isIPv6(plain)) return plain
  const [head = [], tail] = plain.split('::').map((half) => half.split(':'))
  // Without `::` all eight groups are written. A dotted tail stands for two groups of the last four.
  const written = tail === undefined ? head : [...head, ...zeros(head, tail), ...tail]
  const groups = written.slice(0, 4).map((group) => Number.parseInt(group || '0', 16).toString(16))
  return `${groups.join(':')}::/64`
}

function zeros(head: readonly string[], tail: readonly string[]): string[] {
  const dotted = tail.at(-1)?.includes('.') ? 1 : 0
  return new Array<string>(Math.max(0, 8 - head.length - tail.length - dotted)).fill('0')
}

/** RFC 4291, 2.5.5.2: how an IPv4 peer looks on a socket that listens for IPv6. */
export function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}
