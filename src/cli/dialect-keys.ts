/** What an operator does for programs that speak the languages of deCONZ and Jeedom, which have keys. */
import { parseArgs } from 'node:util'
import { type CliCommand, onlyOne, readArguments, readSeconds } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { type Terminal, wordOf } from './terminal.ts'

const common = { json: { type: 'boolean', default: false }, ...hubOptions } as const

const unlockUsage = `deconz unlock [--seconds SECONDS] [--for USER] [--json] ${hubUsage}`

export const deconzUnlock: CliCommand = {
  usage: unlockUsage,
  summary: 'let programs make keys for deCONZ for a minute, with your rights or those of USER',
  run: (args, terminal) => {
    const { values } = readArguments(unlockUsage, () =>
      parseArgs({
        args,
        options: {
          seconds: { type: 'string', default: '60' },
          for: { type: 'string' },
          ...common,
        },
      }),
    )
    const limits = { name: '--seconds', minimumSeconds: 0, maximumSeconds: 600 }
    const seconds = readSeconds(values.seconds, limits) / 1000
    const user = values.for === undefined ? {} : { user: values.for }
    const parameters = { seconds, ...user }
    const whose = { dialect: 'deconz', title: 'deCONZ' }
    const asking = { ...whose, operation: 'unlock', parameters, linesOf: unlockLines }
    return asked(asking, values, terminal)
  },
}

/** The commands that list the keys of a language, and end one. */
function keyCommands(dialect: string, title: string) {
  const keysUsage = `${dialect} keys [--json] ${hubUsage}`
  const forgetUsage = `${dialect} forget ID [--json] ${hubUsage}`
  const keys: CliCommand = {
    usage: keysUsage,
    summary: `list the keys of programs that speak ${title}, and whose rights they carry`,
    run: (args, terminal) => {
      const { values } = readArguments(keysUsage, () => parseArgs({ args, options: common }))
      const asking = { dialect, title, operation: 'keys', parameters: {}, linesOf: keyLines }
      return asked(asking, values, terminal)
    },
  }
  const forget: CliCommand = {
    usage: forgetUsage,
    summary: `end a key of ${title}, by its ID in the list`,
    run: (args, terminal) => {
      const { values, positionals } = readArguments(forgetUsage, () =>
        parseArgs({ args, options: common, allowPositionals: true }),
      )
      const parameters = { id: onlyOne(positionals, 'one ID', forgetUsage) }
      const asking = { dialect, title, operation: 'forget', parameters, linesOf: forgottenLines }
      return asked(asking, values, terminal)
    },
  }
  return { keys, forget }
}

export const deconz = keyCommands('deconz', 'deCONZ')
export const jeedom = keyCommands('jeedom', 'Jeedom')

interface HubRequest {
  readonly dialect: string
  readonly title: string
  readonly operation: string
  readonly parameters: unknown
  linesOf(body: HubAnswer['body']): string[] | undefined
}

function asked(
  { dialect, title, operation, parameters, linesOf }: HubRequest,
  values: Parameters<typeof hubAddress>[0] & { readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const path = `/api/dialects/${dialect}/${operation}`
  const request = { path, json: JSON.stringify(parameters) }
  const asking = { request, does: `has keys for ${title}`, isJson: values.json, linesOf }
  return tellAnswer(hubAddress(values, terminal), asking, terminal)
}

function unlockLines({ user, until }: HubAnswer['body']): string[] {
  return [
    `unlocked until ${wordOf(until)}: keys made until then carry the rights of ${wordOf(user)}`,
  ]
}

function keyLines({ keys }: HubAnswer['body']): string[] | undefined {
  const rows = rowsIn(keys)
  if (rows?.length === 0) return ['no keys']
  return rows?.map(({ id, user, name, used }) =>
    [id, user, `last used ${wordOf(used)}`, name].map(wordOf).join('  '),
  )
}

function forgottenLines({ id, user, name }: HubAnswer['body']): string[] {
  return [`forgotten: ${wordOf(id)} of ${wordOf(user)}, ${wordOf(name)}`]
}
