/** What `clown-hub init` writes. */
import { dataName, usersName } from './command.ts'
import { certificateNames } from './self-signed.ts'

export interface FirstConfig {
  /** Names that browsers may call the hub by. */
  readonly hosts: readonly string[]
  /** Opens the ports with TLS for other machines, by the certificate beside the configuration. */
  readonly isTls: boolean
}

/** A configuration whose plain ports are for this machine only. */
export function configText({ hosts, isTls }: FirstConfig): string {
  return `# Clown.Hub. "clown-hub check-config" says whether the hub understands this file, and
# "clown-hub doctor" whether it is safe. Relative paths start here, at the folder of this file. All
# settings: schemas/config.schema.json in the package.

# Who may sign in, and what they may do.
usersFile: ${usersName}

# What the hub has to remember when it ends. The folder is made at the first start.
data:
  folder: ${dataName}

http:
  # This machine only. ${isTls ? whatIsOpen : howToOpen}
  host: 127.0.0.1
  port: 8080
  # Names that browsers may call the hub by, besides localhost and IP addresses.
  ${hosts.length === 0 ? '# hosts: ["hub.local"]' : `hosts: ${JSON.stringify(hosts)}`}

mqtt:
  host: 127.0.0.1
  port: 1883
${isTls ? tlsText : ''}
log:
  level: info
`
}

const howToOpen = `"clown-hub init --tls" in another folder writes a configuration that
  # lets other machines in by TLS. With 0.0.0.0 here they would send passwords in the clear.`

const whatIsOpen = `Other machines come in by TLS, below; with 0.0.0.0 here they would send
  # passwords in the clear.`

const tlsText = `
# For other machines, too. The certificate signs itself: give it to clients, which have to trust it,
# or put one of an authority in its place. A running hub takes up a new pair.
tls:
  certFile: ${certificateNames.certFile}
  keyFile: ${certificateNames.keyFile}
  host: 0.0.0.0
  # HTTPS and wss, and MQTT.
  httpPort: 8443
  mqttPort: 8883
`

/** A users file with one admin. */
export function usersText(passwordHash: string): string {
  return `# Who may sign in, and what they may do. "clown-hub user add", "allow", "deny", "remove", "list",
# "password" and "token" work on this file. A running hub follows it within a second. Keep it at mode 0600.
#
# A role is viewer (reads), operator (also writes, retains and commands), admin (also reads $SYS),
# or node (writes and retains below its base, and reads the commands for it). Rules add to it, or
# take away:
#
#   wall-panel:
#     role: viewer
#     rules:
#       - allow: [command] # read, write, command or retain
#         topic: nodes/bridge/0/relay/+/set # {user} and {client} may stand for levels
#       - deny: [read] # deny beats allow
#         topic: nodes/bridge/0/microphone/#
#
# Programs need rules for their topics: "clown-hub user add NAME --kind tasmota" writes them, as it does
# for shelly, esphome, zigbee2mqtt, home-assistant and node-red.
#
# A user called anonymous, without password and tokens, stands for all who give none.
users:
  admin:
    role: admin
    password: ${passwordHash}
`
}
