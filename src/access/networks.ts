import { BlockList, isIP } from 'node:net'
import { HubError, quote } from '../core/errors.ts'
import { unmapped } from './address.ts'

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
    const plain = unmapped(address)
    return isIP(plain) !== 0 && networks.check(plain, familyOf(plain))
  }
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
