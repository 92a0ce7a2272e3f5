import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { rightsOf } from '../../../src/access/rights.ts'
import { readAcl } from '../../../src/cli/mosquitto/files.ts'
import { rulesFor } from '../../../src/cli/mosquitto/users.ts'
import { requireProgram, type StartedBroker, startMosquitto } from '../../programs.ts'
import { testFolder } from '../../test-folder.ts'

const rulesIn = (text: string, user: string) => rulesFor(user, readAcl(text, 'acl'))

t.test('topics, patterns and what is for clients without a name become rules', async (t) => {
  const text = `# A comment
topic read public/#

user bob
topic home/bob/#
topic write  log/two words
topic deny home/bob/safe
topic read home/bob/door

user eve smith
topic readwrite eve
user bob
topic read more
pattern write seen/%u/%c
pattern read all
`
  const all = ['read', 'write', 'command', 'retain']
  const writing = ['write', 'command', 'retain']
  t.same(rulesIn(text, 'bob'), {
    rules: [
      { allow: all, topic: 'home/bob/#' },
      { allow: writing, topic: 'log/two words' },
      { allow: ['read'], topic: 'home/bob/door' },
      { allow: ['read'], topic: 'more' },
      { allow: writing, topic: 'seen/bob/{client}' },
      { allow: ['read'], topic: 'all' },
      { deny: all, topic: 'home/bob/safe' },
    ],
    notes: [],
  })
  t.same(rulesIn(text, 'eve smith').rules.slice(0, 2), [
    { allow: all, topic: 'eve' },
    { allow: writing, topic: 'seen/eve smith/{client}' },
  ])
  t.same(rulesIn(text, 'new'), {
    rules: [
      { allow: writing, topic: 'seen/new/{client}' },
      { allow: ['read'], topic: 'all' },
    ],
    notes: [],
  })
  t.same(rulesIn(text, '').rules, [
    { allow: ['read'], topic: 'public/#' },
    { allow: ['read'], topic: 'all' },
  ])
})

t.test('a line with which Mosquitto would not start is an error that names it', async (t) => {
  for (const line of [
    'topic',
    'user',
    'nonsense a/b',
    'topic\tread a',
    'topic foo bar',
    'topic read a#b',
    'pattern read a+/b',
    'topic #/a',
  ]) {
    const text = `user bob\n${line}\n`
    const isOfLine = { code: 'bad-config', message: /^acl:2: expected .*, as Mosquitto does$/ }
    t.throws(() => readAcl(text, 'acl'), isOfLine, line)
  }
  t.same(rulesIn('topic read', '').rules[0]?.topic, 'read', 'a topic may be called so')
})

t.test('what a rule cannot say is told, and never allows more', async (t) => {
  const text = `user b/{x}
topic read {client}/x
topic deny a/{user}/c
topic read $SYS/#
topic deny $SYS/broker/load/#
topic read own/#
pattern read dev-%c/x
pattern read of/%u
pattern deny dev-%c/y/%c
pattern read #
`
  const { rules, notes } = rulesIn(text, 'b/{x}')
  t.same(rules, [
    { allow: ['read'], topic: 'own/#' },
    { allow: ['read'], topic: '#' },
    { deny: ['read', 'write', 'command', 'retain'], topic: 'a/+/c' },
    { deny: ['read'], topic: '+/y/{client}' },
  ])
  t.same(
    notes.map((note) => note.slice(0, 15)),
    [
      'acl:2: left out',
      'acl:3: denies a',
      'acl:4: left out',
      'acl:7: left out',
      'acl:8: left out',
      'acl:9: denies a',
      'acl:9: denies r',
    ],
  )
  t.same(
    rulesIn('pattern read of/%u\npattern read all', 'x+').rules,
    [],
    'no pattern is for such a name',
  )
  const topicsDenied = (text: string) => rulesIn(text, '').rules.map(({ topic }) => topic)
  t.same(topicsDenied('topic deny a/\u0001/{b}/c'), ['a/+/+/c'])
  t.same(topicsDenied(`topic deny ${'x/'.repeat(600)}x`), ['#'], 'longer than a rule may be')
  t.same(rulesIn('pattern read of/%u', 'a/$&').rules, [{ allow: ['read'], topic: 'of/a/$&' }])
})

/** Whether `filter` matches `topic`, level by level. */
function isMatch(filter: readonly string[], topic: readonly string[]): boolean {
  const [first, ...rest] = filter
  if (first === '#') return true
  if (first === undefined || topic[0] === undefined) return topic.length + filter.length === 0
  return (
    (first === '+' || first === topic[0]) && (isMatch(rest, topic.slice(1)) || isAbove(rest, topic))
  )
}

/** `a/#` matches `a`. */
const isAbove = (rest: readonly string[], topic: readonly string[]) =>
  topic.length === 1 && rest.join('/') === '#'

interface Line {
  readonly of: string
  readonly access: 'read' | 'write' | 'readwrite' | 'deny'
  readonly topic: string
}

interface Question {
  readonly user: string
  readonly client: string
  readonly access: 'read' | 'write'
  readonly topic: string
}

/** What Mosquitto decides: first by the topics of the user, then by the patterns; in each, deny first. */
function mosquittoAllows(
  lines: readonly Line[],
  { user, client, access, topic }: Question,
): boolean {
  const own = lines.filter(({ of }) => of === user)
  const patterns = lines
    .filter((line) => line.of === '%' && (user !== '' || !line.topic.includes('%u')))
    .map((line) => ({
      ...line,
      topic: line.topic.replaceAll('%u', user).replaceAll('%c', client),
    }))
  for (const group of [own, patterns]) {
    const matching = group.filter((line) => isMatch(line.topic.split('/'), topic.split('/')))
    if (matching.some((line) => line.access === 'deny')) return false
    if (matching.some((line) => line.access === access || line.access === 'readwrite')) return true
  }
  return false
}

function writtenAcl(lines: readonly Line[]): string {
  const text = ({ access, topic }: Line, keyword: string) => `${keyword} ${access} ${topic}\n`
  const of = (name: string) => lines.filter((line) => line.of === name)
  return [
    ...of('').map((line) => text(line, 'topic')),
    ...['bob', 'eve'].flatMap((name) => [
      `user ${name}\n`,
      ...of(name).map((line) => text(line, 'topic')),
    ]),
    ...of('%').map((line) => text(line, 'pattern')),
  ].join('')
}

const accesses = fc.constantFrom('read', 'write', 'readwrite', 'deny' as const)

function filters(...words: string[]): fc.Arbitrary<string> {
  const levels = fc.array(fc.constantFrom('a', 'b', '+', ...words), { minLength: 1, maxLength: 3 })
  return fc
    .tuple(levels, fc.constantFrom('', '', '/#', '/set'))
    .map(([some, end]) => some.join('/') + end)
}

const lineOf = fc.oneof(
  fc.record({ of: fc.constantFrom('', 'bob', 'eve'), access: accesses, topic: filters('bob') }),
  fc.record({ of: fc.constant('%'), access: accesses, topic: filters('%u', '%c', 'bob') }),
) as fc.Arbitrary<Line>

const topicsAsked = ['a', 'b', 'bob', 'c1'].flatMap((first) => [
  first,
  ...['a', 'b', 'bob', 'c1', 'set'].flatMap((second) => [
    `${first}/${second}`,
    ...['a', 'b', 'c1', 'set'].map((third) => `${first}/${second}/${third}`),
  ]),
])

interface Answer {
  readonly here: boolean
  readonly there: boolean
}

/** What `user` may do on each topic, by the rules of the import and by Mosquitto. */
function answersOn(lines: readonly Line[], user: string): { answers: Answer[]; notes: string[] } {
  const { rules, notes } = rulesIn(writtenAcl(lines), user)
  const rights = rightsOf({ name: user || 'anonymous', rules, tokens: [] }, 'c1')
  const answers = topicsAsked.flatMap((topic) => {
    const there = (access: 'read' | 'write') =>
      mosquittoAllows(lines, { user, client: 'c1', access, topic })
    const { allowed, withoutRetain = false } = rights.mayPublish(topic, true)
    return [
      { here: rights.may('read', topic).allowed, there: there('read') },
      { here: allowed && !withoutRetain, there: there('write') },
    ]
  })
  return { answers, notes }
}

t.test('the rules decide as Mosquitto does, or a note says where less is allowed', async (t) => {
  const counts = { allowed: 0, denied: 0, deniedOnlyHere: 0 }
  const isSame = (lines: readonly Line[], user: string) => {
    const { answers, notes } = answersOn(lines, user)
    const differing = answers.filter(({ here, there }) => here !== there)
    counts.allowed += answers.filter(({ here }) => here).length
    counts.denied += answers.filter(({ there }) => !there).length
    counts.deniedOnlyHere += differing.length
    return differing.every(({ here }) => !here && notes.length > 0)
  }
  const user = fc.constantFrom('', 'bob', 'eve')
  fc.assert(fc.property(fc.array(lineOf, { maxLength: 9 }), user, isSame), { numRuns: 2000 })
  const { allowed, denied, deniedOnlyHere } = counts
  t.ok(allowed > 10_000 && denied > 10_000, JSON.stringify(counts))
  t.ok(deniedOnlyHere < allowed / 50, JSON.stringify(counts))
})

/** What a Mosquitto with this ACL lets `user` read and write, of all topics. */
async function reallyAllowed({ port }: Pick<StartedBroker, 'port'>, user: string) {
  const url = `mqtt://127.0.0.1:${port}`
  const signIn = (name: string, clientId: string) =>
    connectAsync(url, { clientId, ...(name !== '' && { username: name, password: name }) })
  const [root, asked] = [await signIn('root', 'root'), await signIn(user, 'c1')]
  const [written, read] = [new Set<string>(), new Set<string>()]
  root.on('message', (topic) => written.add(topic))
  await root.subscribeAsync('#')
  for (const topic of topicsAsked) await asked.publishAsync(topic, 'x', { qos: 1 })
  // What was delivered comes before the answer to what is asked next.
  await root.unsubscribeAsync('#')
  asked.on('message', (topic) => read.add(topic))
  await asked.subscribeAsync('#')
  for (const topic of topicsAsked) await root.publishAsync(topic, 'x', { qos: 1 })
  await asked.unsubscribeAsync('#')
  await Promise.all([root.endAsync(), asked.endAsync()])
  return { written, read }
}

t.test('what these tests take for the decisions of Mosquitto are its decisions', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const names = ['', 'bob', 'eve']
  const users = Object.fromEntries(['root', 'bob', 'eve'].map((name) => [name, name]))
  for (const lines of fc.sample(fc.array(lineOf, { minLength: 5, maxLength: 9 }), 5)) {
    const acl = join(testFolder(t), 'acl')
    const text = `${writtenAcl(lines)}user root\ntopic readwrite #\n`
    writeFileSync(acl, text)
    const config = ['allow_anonymous true', `acl_file ${acl}`]
    const mosquitto = await startMosquitto(t, { users, config })
    for (const user of names) {
      const { written, read } = await reallyAllowed(mosquitto, user)
      const byModel = (access: 'read' | 'write') =>
        topicsAsked.filter((topic) => mosquittoAllows(lines, { user, client: 'c1', access, topic }))
      t.same([...written].sort(), byModel('write').sort(), `${user} writes, by ${text}`)
      t.same([...read].sort(), byModel('read').sort(), `${user} reads, by ${text}`)
    }
    await mosquitto.stop()
  }
})
