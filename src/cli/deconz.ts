/** What an operator does for programs that speak the language of deCONZ. */
import { parseArgs } from 'node:util'
import { type Command, onlyOne, readArguments, type Terminal } from './command.ts'
import { refusedCode } from './command-outcome.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import type { HubAnswer } from './hub-client.ts'
import { answerOf, interruptedCode, refusalIn, rowsIn, wordOf } from './hub-question.ts'
import { readSeconds } from './seconds.ts'

const common = { json: { type: 'boolean', default: false }, ...hubOptions } as const

const unlockUsage = `deconz unlock [--seconds SECONDS] [--for USER] [--json] ${hubUsage}`

export const deconzUnlock: Command = {
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
    const question = questionOf('unlock', { seconds, ...user })
    return told(question, { values, terminal, describe: describeUnlock })
  },
}

const keysUsage = `deconz keys [--json] ${hubUsage}`

export const deconzKeys: Command = {
  usage: keysUsage,
  summary: 'list the keys of programs that speak deCONZ, and whose rights they carry',
  run: (args, terminal) => {
    const { values } = readArguments(keysUsage, () => parseArgs({ args, options: common }))
    return told(questionOf('keys', {}), { values, terminal, describe: describeKeys })
  },
}

const forgetUsage = `deconz forget ID [--json] ${hubUsage}`

export const deconzForget: Command = {
  usage: forgetUsage,
  summary: 'end a key of deCONZ, by its ID in the list',
  run: (args, terminal) => {
    const { values, positionals } = readArguments(forgetUsage, () =>
      parseArgs({ args, options: common, allowPositionals: true }),
    )
    const id = onlyOne(positionals, 'one ID', forgetUsage)
    return told(questionOf('forget', { id }), { values, terminal, describe: describeForgotten })
  },
}

function questionOf(operation: string, body: unknown) {
  return { path: `/api/dialects/deconz/${operation}`, json: JSON.stringify(body) }
}

interface Asking {
  readonly values: Parameters<typeof hubAddress>[0] & { readonly json: boolean }
  readonly terminal: Terminal
  /** The lines to print of what was done. */
  describe(answer: HubAnswer): string[]
}

async function told(
  question: ReturnType<typeof questionOf>,
  { values, terminal, describe }: Asking,
): Promise<number> {
  const answer = await answerOf(hubAddress(values, terminal), question, terminal)
  if (answer === undefined) {
    terminal.print('not waited for; the hub may have done it, or not')
    return interruptedCode
  }
  const refusal = refusalIn(answer)
  const lines = refusal === undefined ? describe(answer) : [`refused: ${refusal}`]
  if (values.json) terminal.print(JSON.stringify(answer.body))
  else for (const line of lines) terminal.print(line)
  return refusal === undefined ? 0 : refusedCode
}

function describeUnlock({ body: { user, until } }: HubAnswer): string[] {
  return [
    `unlocked until ${wordOf(until)}: keys made until then carry the rights of ${wordOf(user)}`,
  ]
}

function describeKeys(answer: HubAnswer): string[] {
  const rows = rowsIn(answer, 'keys')
  if (rows.length === 0) return ['no keys']
  return rows.map(({ id, user, name, used }) =>
    [id, user, `last used ${wordOf(used)}`, name].map(wordOf).join('  '),
  )
}

function describeForgotten({ body: { id, user, name } }: HubAnswer): string[] {
  return [`forgotten: ${wordOf(id)} of ${wordOf(user)}, ${wordOf(name)}`]
}
