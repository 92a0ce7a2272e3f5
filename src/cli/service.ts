/** The hub as a service of systemd. */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { HubError, reasonOf } from '../core/errors.ts'
import { type CliCommand, configPath, jsonOption, printAnswer, readArguments } from './arguments.ts'

const options = {
  config: { type: 'string' },
  user: { type: 'string' },
  ...jsonOption,
} as const
const said = '[--config FILE] [--user NAME]'

const printUsage = `service print ${said} [--json]`

export const servicePrint: CliCommand = {
  usage: printUsage,
  summary: 'print a unit of systemd that runs the hub of a configuration, shut off from the rest',
  run: async (args, terminal) => {
    const { values } = readArguments(printUsage, () => parseArgs({ args, options }))
    const unit = unitOf(values)
    printAnswer(terminal, values, { value: { unit }, lines: [unit] })
  },
}

const folder = { type: 'string', default: '/etc/systemd/system' } as const
const installUsage = `service install ${said} [--folder DIR] [--json]`

export const serviceInstall: CliCommand = {
  usage: installUsage,
  summary: 'write that unit where systemd finds it, and say how to start it',
  run: async (args, terminal) => {
    const { values } = readArguments(installUsage, () =>
      parseArgs({ args, options: { ...options, folder } }),
    )
    const file = join(values.folder, 'clown-hub.service')
    try {
      writeFileSync(file, `${unitOf(values)}\n`, { mode: 0o644 })
    } catch (cause) {
      const reason = reasonOf(cause).replace(/,.*/s, '')
      const sentence = `expected to write ${JSON.stringify(file)}, as root: ${reason}`
      throw new HubError('unwritable-file', sentence, { cause })
    }
    const lines = [
      `wrote ${file}. Start it now and with the machine, and see what it says:`,
      '  systemctl daemon-reload && systemctl enable --now clown-hub',
      '  journalctl -u clown-hub -f',
    ]
    printAnswer(terminal, values, { value: { file }, lines })
  },
}

interface UnitValues {
  readonly config?: string | undefined
  readonly user?: string | undefined
}

/** @throws HubError `unreadable-file` when there is no such configuration. */
function unitOf({ config, user }: UnitValues): string {
  const file = resolve(configPath(config))
  checkReadable(file)
  const folder = dirname(file)
  const program = fileURLToPath(new URL('./bin.js', import.meta.url))
  const command = [process.execPath, program, 'run', '--config', file].map(quoted).join(' ')
  return `${head(command, user ?? ownerOf(file))}\n${walls(folder)}\n\n[Install]\nWantedBy=multi-user.target`
}

function checkReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK)
  } catch (cause) {
    const sentence = `expected a configuration at ${JSON.stringify(file)}: "clown-hub init" writes one`
    throw new HubError('unreadable-file', sentence, { cause })
  }
}

/** Whose files they are has to be able to read them: others may not. */
function ownerOf(file: string): string {
  return String(statSync(file).uid)
}

/** As systemd.syntax(7) has it: % begins a specifier, $ a variable. */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w/.:@%+-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, '\\$&')}"`
}

function head(command: string, user: string): string {
  return `[Unit]
Description=Clown.Hub
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
# It is told by systemd-notify, a process of its own.
NotifyAccess=all
ExecStart=${command}
ExecReload=kill -HUP $MAINPID
User=${user}
Restart=always
RestartSec=2
# A hub that stands still for so long is started anew.
WatchdogSec=60
TimeoutStopSec=15
LimitNOFILE=65536
`
}

/** JavaScript is compiled in memory that is then executed, so that MemoryDenyWriteExecute cannot be. */
function walls(folder: string): string {
  return `# What it may write to is where its configuration, its users and its data are.
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=${quoted(folder)}
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
LockPersonality=yes
KeyringMode=private
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources`
}
