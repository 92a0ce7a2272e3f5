import { parseArgs } from 'node:util'
import { isProgramKind, programKinds, rulesOfKind } from '../access/program-kinds.ts'
import { anonymousName, type Rule } from '../access/user.ts'
import { newEntry, withRules } from '../access/user-changes.ts'
import { roleError } from '../access/user-check.ts'
import { changeUser, readRoles } from '../access/users-file.ts'
import { HubError, quote } from '../core/errors.ts'
import { isTopic } from '../core/topic.ts'
import { type CliCommand, onlyOne, printAnswer, readArguments } from './arguments.ts'
import { describeRules, newPassword, passwordOptions, readRule } from './user-arguments.ts'

const usage =
  'user add NAME [--role ROLE] [--base BASE] [--kind KIND [--topic PREFIX]…] [--allow ACTION:FILTER]… [--deny ACTION:FILTER]… [--digest] [--stdin] [--file FILE] [--json]'

const options = {
  ...passwordOptions,
  role: { type: 'string' },
  base: { type: 'string' },
  kind: { type: 'string' },
  topic: { type: 'string', multiple: true },
  allow: { type: 'string', multiple: true },
  deny: { type: 'string', multiple: true },
} as const

export const userAdd: CliCommand = {
  usage,
  summary: `add a user to a users file, with a generated password or the one on standard input; --kind writes the rules of a program: ${programKinds.join(', ')}`,
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    const { file, base } = values
    const role = values.role
    checkRole(role, file)
    const rules = withRules([], rulesAsked(values))
    const password = name === anonymousName ? undefined : await newPassword(terminal, values.stdin)
    changeUser(file, name, (before) => {
      if (before !== undefined) {
        throw new HubError('bad-command-line', `expected a new name, ${quote(name)} is in ${file}`)
      }
      const digest = values.digest ? password?.digestSecretFor(name) : undefined
      return newEntry({ role, base, rules, password: password?.hash, digest })
    })
    const lines = [
      `${name} is in ${file} now, ${rightsGiven(role, values.kind, rules)}`,
      ...describeRules(rules).map((line) => `  ${line}`),
      ...(password?.lines ?? []),
    ]
    const value = { user: name, file, role, base, rules, password: password?.generated }
    printAnswer(terminal, values, { value, lines })
  },
}

function rightsGiven(role: string | undefined, kind: string | undefined, rules: readonly Rule[]) {
  const words =
    rules.length === 0 ? [] : [kind ? `with the rules of ${kind}:` : 'with these rules:']
  const given = [...(role ? [role] : []), ...words]
  return given.join(', ') || 'without a role: nothing is allowed until you write rules there'
}

interface RulesAsked {
  readonly kind?: string | undefined
  readonly topic?: readonly string[] | undefined
  readonly allow?: readonly string[] | undefined
  readonly deny?: readonly string[] | undefined
}

function rulesAsked({ kind, topic = [], allow = [], deny = [] }: RulesAsked): Rule[] {
  return [
    ...rulesOfProgram(kind, topic),
    ...allow.map((text) => readRule('allow', text, '--allow')),
    ...deny.map((text) => readRule('deny', text, '--deny')),
  ]
}

function rulesOfProgram(kind: string | undefined, prefixes: readonly string[]): Rule[] {
  if (kind === undefined) {
    if (prefixes.length === 0) return []
    throw new HubError(
      'bad-command-line',
      `expected --kind beside --topic; usage: clown-hub ${usage}`,
    )
  }
  if (isProgramKind(kind)) return rulesOfKind(kind, prefixes.map(prefixIn))
  const sentence = `expected --kind to be one of ${programKinds.join(', ')}, got ${quote(kind)}`
  throw new HubError('bad-command-line', sentence)
}

/** @throws HubError `bad-command-line` for what is no beginning of topics. */
function prefixIn(text: string): string {
  const prefix = text.replace(/\/#?$/, '')
  if (isTopic(prefix)) return prefix
  const expected =
    'expected --topic to be what topics begin with, such as house/plug, without wildcards'
  throw new HubError('bad-command-line', `${expected}, got ${quote(text)}`)
}

/** @throws HubError `bad-command-line` for a role that neither the hub nor the file has. */
function checkRole(role: string | undefined, file: string): void {
  const error =
    role === undefined ? undefined : roleError(role, '--role', [...readRoles(file).keys()])
  if (error !== undefined) throw new HubError('bad-command-line', error)
}
