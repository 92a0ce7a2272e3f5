import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { HubError, quote } from '../core/errors.ts'

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
 * whoever has one of those has the rest of its network too; but not in a network of ours, where the others are neighbours.
 */
export function addressGroup(address: string, isNeighbour: Networks = ownNetworks()): string {
  const plain = unmapped(address)
  if (!isIPv6(plain) || isNeighbour(plain)) return plain
  const [head = [], tail] = plain.split('::').map((half) => half.split(':'))
  // Without `::` all eight groups are written. A dotted tail stands for two groups of the last four.
  const written = tail === undefined ? head : [...head, ...zeros(head, tail), ...tail]
  const groups = written.slice(0, 4).map((group) => Number.parseInt(group || '0', 16).toString(16))
  return `${groups.join(':')}::/64`
}

/**
 * What whoever has an address group may have more of: the first 48 bits of an IPv6 address, which is what providers hand
 * out; of IPv4 nothing.
 */
export function addressNetwork(group: string): string {
  return group.includes(':') ? `${group.split(':').slice(0, 3).join(':')}::/48` : group
}

function zeros(head: readonly string[], tail: readonly string[]): string[] {
  const dotted = tail.at(-1)?.includes('.') ? 1 : 0
  return new Array<string>(Math.max(0, 8 - head.length - tail.length - dotted)).fill('0')
}

/** RFC 4291, 2.5.5.2: how an IPv4 peer looks on a socket that listens for IPv6. */
export function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}

/** Whether an address is one of `listed`: addresses, or networks such as `10.0.0.0/8`. */
export type Networks = (address: string) => boolean

/**
 * `setting` names in an error what `listed` comes from.
 *
 * @throws HubError `bad-config` for an entry that is neither.
 */
export function createNetworks(listed: readonly string[], setting: string): Networks {
  const networks = new BlockList()
  for (const network of listed) addNetwork(networks, network, setting)
  return (address) => {
    // RFC 4007, 11: a zone says on which network a link-local address is.
    const [plain = ''] = unmapped(address).split('%', 1)
    return isIP(plain) !== 0 && networks.check(plain, familyOf(plain))
  }
}

/** So long the networks of this machine count as those they were. */
const ownNetworksMs = 60_000

let own: { readonly networks: Networks; readonly untilMs: number } | undefined

/** RFC 4291, 2.5.6: link-local addresses; and the networks of IPv6 that this machine is in. */
function ownNetworks(): Networks {
  if (own !== undefined && performance.now() < own.untilMs) return own.networks
  const cidrs = Object.values(networkInterfaces())
    .flat()
    .filter((one) => one?.family === 'IPv6')
    .map((one) => one?.cidr)
    .filter((cidr) => typeof cidr === 'string')
  const networks = createNetworks(['fe80::/10', ...cidrs], 'the networks of this machine')
  own = { networks, untilMs: performance.now() + ownNetworksMs }
  return networks
}

function addNetwork(networks: BlockList, network: string, setting: string): void {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d+))?$/.exec(network) ?? []
  const longest = isIP(address) === 4 ? 32 : 128
  const prefix = Number(bits ?? longest)
  if (isIP(address) === 0 || prefix > longest) {
    const expected = `expected ${setting} to hold addresses, or networks such as 10.0.0.0/8`
    throw new HubError('bad-config', `${expected}, got ${quote(network)}`)
  }
  networks.addSubnet(address, prefix, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}
