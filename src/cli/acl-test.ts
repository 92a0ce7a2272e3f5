import { parseArgs } from 'node:util'
import { type Decision, type Rights, rightsOf } from '../access/rights.ts'
import { type Action, actions, isSameName, type User } from '../access/user.ts'
import { readUsersFile } from '../access/users-file.ts'
import { readConfig } from '../config.ts'
import { HubError, quote } from '../core/errors.ts'
import { checkFilter, checkTopic, isCommand } from '../core/topic.ts'
import {
  type CliCommand,
  configPath,
  jsonOption,
  printAnswer,
  readArguments,
  required,
} from './arguments.ts'
import type { Terminal } from './terminal.ts'
import { knownUsers, unknownUser } from './user-arguments.ts'

const usage =
  'acl test USER ACTION TOPIC [--client ID] [--config FILE | --file USERS-FILE] [--json]'

/** An error of the command line ends with 1; a script must not take that for an answer. */
const deniedCode = 2

export const aclTest: CliCommand = {
  usage,
  summary:
    'say whether a user may do something, and by which rule: read, write, command or retain (denied: exit code 2)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({
        args,
        options: {
          client: { type: 'string' },
          config: { type: 'string' },
          file: { type: 'string' },
          ...jsonOption,
        },
        allowPositionals: true,
      }),
    )
    const [name, action, topic, ...more] = positionals
    if (more.length > 0) required(undefined, 'one topic', usage)
    const user = userNamed(required(name, 'a user', usage), await usersIn(values, terminal))
    const rights = rightsOf(user, values.client)
    const wanted = actionNamed(required(action, 'an action', usage))
    const { allowed, reason } = decide(rights, wanted, required(topic, 'a topic', usage))
    const lines = [`${allowed ? 'allowed' : 'denied'}: ${reason}`]
    printAnswer(terminal, values, { value: { allowed, reason }, lines })
    return allowed ? 0 : deniedCode
  },
}

async function usersIn(
  { config, file }: { config?: string | undefined; file?: string | undefined },
  { environment }: Terminal,
): Promise<readonly User[]> {
  if (file !== undefined) return readUsersFile(file)
  return knownUsers(readConfig(configPath(config), environment))
}

function userNamed(name: string, users: readonly User[]): User {
  const user = users.find((known) => isSameName(known.name, name))
  if (user === undefined) throw unknownUser(name, users)
  return user
}

function actionNamed(text: string): Action {
  const action = actions.find((known) => known === text)
  if (action !== undefined) return action
  const sentence = `expected an action (${actions.join(', ')}), got ${quote(text)}`
  throw new HubError('bad-command-line', sentence)
}

function decide(rights: Rights, action: Action, topic: string): Decision {
  if (action === 'read') {
    checkFilter(topic)
    return /[+#]/.test(topic) ? rights.maySubscribe(topic) : rights.may(action, topic)
  }
  checkTopic(topic)
  if (action === 'write') return rights.mayPublish(topic, false)
  if (action === 'command' && !isCommand(topic)) {
    const sentence = `expected a topic that ends in /set for command, got ${quote(topic)}`
    throw new HubError('bad-command-line', sentence)
  }
  return rights.may(action, topic)
}
