import { parseArgs } from 'node:util'
import { withRules } from '../access/user-changes.ts'
import { changeUser } from '../access/users-file.ts'
import { type CliCommand, printAnswer, readArguments, required } from './arguments.ts'
import { describeRules, fileOption, known, type RulePart, readRule } from './user-arguments.ts'

const options = fileOption

export const userAllow = ruleCommand(
  'allow',
  'let a user do more: ACTION is read, write, command or retain',
)

export const userDeny = ruleCommand(
  'deny',
  'take something from a user, whatever other rules or the role allow',
)

function ruleCommand(part: RulePart, summary: string): CliCommand {
  const usage = `user ${part} NAME ACTION:FILTER… [--file FILE] [--json]`
  return {
    usage,
    summary,
    run: async (args, terminal) => {
      const { values, positionals } = readArguments(usage, () =>
        parseArgs({ args, options, allowPositionals: true }),
      )
      const [name, ...texts] = positionals
      const user = required(name, 'the name of a user', usage)
      required(texts[0], 'a rule such as read:home/#', usage)
      const added = texts.map((text) => readRule(part, text, 'a rule'))
      changeUser(values.file, user, (before) => {
        const entry = known(before, user, values.file)
        return { ...entry, rules: withRules(entry.rules, added) }
      })
      const lines = describeRules(added).map((line) => `${user}: ${line}`)
      printAnswer(terminal, values, { value: { user, added }, lines })
    },
  }
}
