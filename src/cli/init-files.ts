/** What `clown-hub init` writes. */

/** A configuration for this machine only; `usersFile` is the path as it is to be written. */
export function configText(usersFile: string): string {
  return `# Clown.Hub. "clown-hub check-config" says whether the hub understands this file, and
# "clown-hub doctor" whether it is safe. All settings: schemas/config.schema.json in the package.

# Who may sign in, and what they may do.
usersFile: ${JSON.stringify(usersFile)}

http:
  # 127.0.0.1 is this machine only, 0.0.0.0 every address of it.
  host: 127.0.0.1
  port: 8080
  # Names that browsers may call the hub by, besides localhost and IP addresses.
  # hosts: [hub.local]

mqtt:
  host: 127.0.0.1
  port: 1883

log:
  level: info
`
}

/** A users file with one admin. */
export function usersText(passwordHash: string): string {
  return `# Who may sign in, and what they may do. "clown-hub user add", "remove", "list", "password" and
# "token" work on this file. A running hub follows it within a second. Keep it at mode 0600.
#
# A role is viewer (reads), operator (also writes and commands), admin (also retains, and reads
# $SYS), or node (writes below its base, and reads the commands for it). Rules add to it:
#
#   wall-panel:
#     role: viewer
#     rules:
#       - allow: [command] # read, write, command or retain
#         topic: nodes/bridge/0/relay/+/set # {user} and {client} may stand for levels
#
# A user called anonymous, without password and tokens, stands for all who give none.
users:
  admin:
    role: admin
    password: ${passwordHash}
`
}
