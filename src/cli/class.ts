/** A class: for each student a user, a base, a token for a board, and a simulated node to begin with. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { hashPassword } from '../access/passwords.ts'
import { generatePassword } from '../access/tokens.ts'
import type { Rule } from '../access/user.ts'
import { newEntry, withNewToken, withRules } from '../access/user-changes.ts'
import { changeUser, readUsersFile, type UserEntry } from '../access/users-file.ts'
import { HubError, quote } from '../core/errors.ts'
import { readSecretFile, readTextFile, writeSecret } from '../core/files.ts'
import { fieldOf, parseJson } from '../core/json.ts'
import {
  type CliCommand,
  forPeople,
  jsonOption,
  onlyOne,
  printAnswer,
  readArguments,
  readCount,
  required,
} from './arguments.ts'
import { askHub, rowsIn } from './ask-hub.ts'
import { type ClassCard, sheetOf } from './class-sheet.ts'
import { type HubAddress, hubAddress, hubOptions, hubUsage, readHubUrl } from './hub-address.ts'
import { interruptedCode, type Terminal } from './terminal.ts'
import { fileOption, known } from './user-arguments.ts'

/** What is made for a student, whose user is called `user`. */
function partsOf(user: string) {
  const base = `nodes/${user}`
  return {
    base,
    board: { user: `${user}-board`, base: `${base}/0` },
    simulated: { user: `${user}-simulated`, base: `${base}/1` },
  }
}

const addUsage =
  'class add LIST [--hub URL] [--mqtt-port PORT] [--sheet FILE] [--file FILE] [--json]'

const addOptions = {
  ...fileOption,
  hub: { type: 'string', default: 'http://clown-hub.local:8080' },
  'mqtt-port': { type: 'string', default: '1883' },
  sheet: { type: 'string', default: 'class-sheet.html' },
} as const

export const classAdd: CliCommand = {
  usage: addUsage,
  summary:
    'make for each student of a list a user, a base, a token for a board and a simulated node, and print all of that on a sheet; who is there already stays',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(addUsage, () =>
      parseArgs({ args, options: addOptions, allowPositionals: true }),
    )
    const list = onlyOne(positionals, 'the name of one list', addUsage)
    const { url } = readHubUrl(values.hub, '--hub')
    const mqttPort = readCount(values['mqtt-port'], { name: '--mqtt-port', least: 1, most: 65_535 })
    const { file, sheet } = values
    const there = new Set(readUsersFile(file).map(({ name }) => name))
    const students = studentsIn(readTextFile('the list', list).text)
    const made: ClassCard[] = []
    for (const student of students.filter(({ user }) => !there.has(user))) {
      made.push(await makeStudent(student, file))
      terminal.progress(`${made.length} students`)
    }
    terminal.progress('')
    const page = sheetOf(made, { url, mqttPort: Number(mqttPort) })
    if (sheet === '-') await terminal.write(page)
    else if (made.length > 0) writeSecret(sheet, page)
    keepSimulated(file, made)
    const kept = students.filter(({ user }) => there.has(user)).map(({ user }) => user)
    const lines = [
      `${made.length} students are in ${file} now`,
      ...(kept.length === 0 ? [] : [`there already, and left as they were: ${kept.join(', ')}`]),
      ...(made.length === 0
        ? []
        : [`print ${sheet}, and remove it: it has their passwords`, simulatedHint]),
    ]
    // Behind a sheet that goes to a printer nothing else comes.
    const told = forPeople(terminal, { json: sheet === '-' })
    printAnswer(told, values, { value: { students: made, kept, file, sheet }, lines })
    return 0
  },
}

const simulatedHint = 'clown-hub class simulate has a node for each of them'

interface Student {
  /** As the list calls the student. */
  readonly name: string
  readonly user: string
}

/**
 * The students of a list as spreadsheets write it: a name on each line, and a user name behind it where another one is
 * wanted than the name itself makes. A first line that says `name` is the head.
 *
 * @throws HubError `bad-payload` for two of one user name, and a list of nobody.
 */
function studentsIn(text: string): Student[] {
  const rows = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1')))
  const [head, ...others] = rows.filter(([name = '']) => name !== '')
  const isHead = head?.[0]?.toLowerCase() === 'name'
  const students = [...(head === undefined || isHead ? [] : [head]), ...others].map(
    ([name = '', user]) => ({ name, user: userNameOf(user || name) }),
  )
  const [twice] = students.filter(({ user }, at) =>
    students.slice(0, at).some((other) => other.user === user),
  )
  const sentence = 'expected a list with a name on each line, of which each makes another user'
  if (twice !== undefined) throw badList(`${sentence}, got ${quote(twice.name)} for a second time`)
  if (students.length === 0) throw badList(`${sentence}, got nobody`)
  const nameless = students.find(({ user }) => user === '')
  if (nameless !== undefined) throw badList(`${sentence}, got ${quote(nameless.name)}`)
  return students
}

function badList(sentence: string): HubError {
  return new HubError('bad-command-line', sentence)
}

/** What boards can be told, and topics can be made of: `Ann Nováková` is `ann-novakova`. */
function userNameOf(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
  return plain.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '')
}

/** Writes a student's three users. What is below the base is theirs alone. */
async function makeStudent({ name, user }: Student, file: string): Promise<ClassCard> {
  const { base, board, simulated } = partsOf(user)
  const password = generatePassword()
  const hash = await hashPassword(password)
  const rules: Rule[] = [{ allow: ['read', 'write', 'command', 'retain'], topic: `${base}/#` }]
  changeUser(file, user, () => newEntry({ rules: withRules([], rules), password: hash }))
  return { name, user, base, password, board: makeNode(board), simulated: makeNode(simulated) }

  function makeNode(node: { readonly user: string; readonly base: string }) {
    const { token, added } = withNewToken('class')
    changeUser(file, node.user, () => added(newEntry({ role: 'node', base: node.base, rules: [] })))
    return { ...node, token }
  }
}

/** Beside the users file: who the simulated nodes are to the hub. Whoever has it can be them, and nothing else. */
function simulatedFile(usersFile: string): string {
  return join(dirname(usersFile), 'class.json')
}

interface SimulatedLogin {
  readonly user: string
  readonly base: string
  readonly token: string
}

function keepSimulated(usersFile: string, made: readonly ClassCard[]): void {
  if (made.length === 0) return
  const path = simulatedFile(usersFile)
  const kept = existsSync(path) ? simulatedIn(path) : []
  const logins = [...kept, ...made.map(({ simulated }) => simulated)]
  writeSecret(path, `${JSON.stringify(logins, null, 2)}\n`)
}

/** @throws HubError `unreadable-file`, `exposed-secret` */
function simulatedIn(path: string): SimulatedLogin[] {
  const logins: unknown = parseJson(readSecretFile('the list of simulated nodes', path).text)
  const isLogin = (login: unknown): login is SimulatedLogin =>
    ['user', 'base', 'token'].every((key) => typeof fieldOf(login, key) === 'string')
  if (Array.isArray(logins) && logins.every(isLogin)) return logins
  throw new HubError('unreadable-file', `expected a list of simulated nodes in ${path}`)
}

const simulateUsage = 'class simulate [--broker mqtt://HOST:PORT] [--file FILE] [--json]'

export const classSimulate: CliCommand = {
  usage: simulateUsage,
  summary: 'be the simulated nodes of all students, until Ctrl-C',
  run: async (args, terminal) => {
    const options = {
      ...fileOption,
      broker: { type: 'string', default: 'mqtt://127.0.0.1:1883' },
    } as const
    const { values } = readArguments(simulateUsage, () => parseArgs({ args, options }))
    const logins = simulatedIn(simulatedFile(values.file))
    const { startSimulatedNode } = await import('../simulator/start-simulated-node.ts')
    const nodes = await Promise.all(
      logins.map(({ user, base, token }) =>
        startSimulatedNode({ url: values.broker, name: base, username: user, password: token }),
      ),
    )
    const lines = [`${nodes.length} simulated nodes are there. Ctrl-C ends them.`]
    printAnswer(terminal, values, { value: { nodes: logins.map(({ base }) => base) }, lines })
    await terminal.stopped
    await Promise.all(nodes.map((node) => node.close()))
    return 0
  },
}

const freezeUsage = 'class freeze NAME… [--off] [--file FILE] [--json]'

export const classFreeze: CliCommand = {
  usage: freezeUsage,
  summary:
    'let students look on, and neither publish nor command, nor their boards; --off lets them again',
  run: async (args, terminal) => {
    const options = { ...fileOption, off: { type: 'boolean', default: false } } as const
    const { values, positionals } = readArguments(freezeUsage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const { file, off } = values
    if (positionals.length === 0) required(undefined, 'the name of a student', freezeUsage)
    const students = positionals.map(userNameOf)
    for (const user of students) {
      const { base, board } = partsOf(user)
      const change = off ? thawed(base) : frozen(base)
      changeUser(file, user, (before) => change(known(before, user, file)))
      changeUser(file, board.user, (before) => change(known(before, board.user, file)))
    }
    const lines = students.map((user) => `${user} ${off ? 'may go on' : 'may only look on now'}`)
    printAnswer(terminal, values, { value: { students, frozen: !off }, lines })
    return 0
  },
}

function frozen(base: string) {
  const rule: Rule = { deny: ['write', 'command', 'retain'], topic: `${base}/#` }
  return ({ rules, ...entry }: UserEntry) => ({ ...entry, rules: withRules(rules, [rule]) })
}

function thawed(base: string) {
  return ({ rules = [], ...entry }: UserEntry) => {
    const others = rules.filter(({ topic }) => topic !== `${base}/#`)
    const own = rules.filter((rule) => !others.includes(rule))
    const left = own.map(({ allow, topic }) => ({ allow, topic }))
    return { ...entry, rules: withRules(left, others) }
  }
}

const resetUsage = `class reset [NAME]… [--json] ${hubUsage}`

export const classReset: CliCommand = {
  usage: resetUsage,
  summary:
    'take back what students and their nodes have left in a running hub: values, history and sessions; accounts stay',
  run: async (args, terminal) => {
    const options = { ...jsonOption, ...hubOptions } as const
    const { values, positionals } = readArguments(resetUsage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const hub = hubAddress(values, terminal)
    const known = await studentsOf(hub, terminal)
    if (known === undefined) return interruptedCode
    const asked = positionals.map(userNameOf)
    const stranger = asked.find((user) => !known.includes(user))
    if (stranger !== undefined) {
      throw badList(`expected a student of the hub, got ${quote(stranger)}`)
    }
    const students = asked.length === 0 ? known : asked
    const totals = { devices: 0, series: 0, retained: 0, commands: 0, sessions: 0 }
    for (const student of students) {
      const { board, simulated } = partsOf(student)
      for (const user of [student, board.user, simulated.user]) {
        if (!(await takeBack({ hub, user, totals }, terminal))) return interruptedCode
      }
    }
    const parts = Object.entries(totals).map(([what, count]) => `${count} ${what}`)
    const lines = [`taken back from ${students.length} students: ${parts.join(', ')}`]
    printAnswer(terminal, values, { value: { students, ...totals }, lines })
    return 0
  },
}

/** Who has a board in a hub; undefined when nobody waits for that. */
async function studentsOf(hub: HubAddress, terminal: Terminal): Promise<string[] | undefined> {
  const answer = await askHub(hub, { path: '/api/users' }, terminal)
  if (answer === undefined) return undefined
  const users = rowsIn(answer.body['users'])
  if (users === undefined) throw refusedBy(answer.body)
  const bases = new Map(users.map(({ user, base }) => [String(user), base]))
  return [...bases.keys()].filter((user) => {
    const { board } = partsOf(user)
    return bases.get(board.user) === board.base
  })
}

interface TakingBack {
  readonly hub: HubAddress
  readonly user: string
  readonly totals: Record<string, number>
}

async function takeBack({ hub, user, totals }: TakingBack, terminal: Terminal): Promise<boolean> {
  const json = JSON.stringify({ reports: user })
  const answer = await askHub(hub, { path: '/api/forget', json }, terminal)
  if (answer === undefined) return false
  if (answer.body['user'] !== user) throw refusedBy(answer.body)
  for (const [what, before] of Object.entries(totals)) {
    totals[what] = before + Number(answer.body[what])
  }
  return true
}

function refusedBy({ reason }: Readonly<Record<string, unknown>>): HubError {
  return new HubError('cannot-connect', `the hub refuses: ${String(reason)}`)
}
