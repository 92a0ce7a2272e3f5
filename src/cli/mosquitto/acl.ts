/** Lines of Mosquitto's `acl_file` with which nobody but the hub commands hardware: so its relay guard holds. */
import type { User } from '../../access/user.ts'
import type { Config } from '../../config.ts'

/** How gateways and devices of the conventions that the hub understands speak, each by its own user. */
const conventions = `# Who has a user reads everything, and may ask the hub, which asks its rules: see bus.commandUser.
pattern read #
pattern write {prefix}/+/+/+/+/set
pattern write {prefix}/+/+/+/+/get

# Hardware tells of itself below its own name: the user of a Tasmota, Shelly or ESPHome is called as its topic.
pattern write tele/%u/#
pattern write stat/%u/#
pattern write tasmota/discovery/+/+
pattern write shellies/%u/#
pattern write %u/events/#
pattern write %u/status/#
pattern write %u/+/+/state
pattern write %u/status
pattern write homeassistant/+/%u/+/config

# A gateway has all of its own. Give these users the names that yours have.
user zigbee2mqtt
topic readwrite zigbee2mqtt/#
topic write homeassistant/#

user homeassistant
topic write homeassistant/#
`

/** By the users of the configuration: a node of theirs reports below its base. */
export function aclFor(
  { bus, profiles }: Pick<Config, 'bus' | 'profiles'>,
  users: readonly Pick<User, 'name' | 'role' | 'base'>[],
): string[] {
  const hub = bus?.user ?? 'clown-hub'
  const nodes = users.filter(({ role, base }) => role === 'node' && base !== undefined)
  return [
    '# acl_file of Mosquitto, beside allow_anonymous false: what is not said here is denied.',
    ...['# Only the hub commands.', `user ${hub}`, 'topic readwrite #', ''],
    ...nodes.flatMap(({ name, base }) => [`user ${name}`, `topic write ${base}/#`, '']),
    ...conventions.replaceAll('{prefix}', profiles.prefix).trimEnd().split('\n'),
  ]
}
