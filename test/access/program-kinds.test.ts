import t from 'tap'
import { isProgramKind, programKinds, rulesOfKind } from '../../src/access/program-kinds.ts'
import { rightsOf } from '../../src/access/rights.ts'
import { readUsersFile } from '../../src/access/users-file.ts'
import { usersFile } from './users.ts'

t.test('the rules of each kind are such as a users file has, whatever the prefix', async (t) => {
  for (const kind of programKinds.filter(isProgramKind)) {
    for (const prefixes of [[], ['house'], ['house/plug', 'shellies/plug'], ['{user}']]) {
      const rules = rulesOfKind(kind, prefixes)
      t.not(rules.length, 0, kind)
      const [user] = readUsersFile(usersFile(t, JSON.stringify({ users: { one: { rules } } })))
      t.same(user?.rules, rules, `${kind} ${prefixes}`)
    }
  }
  t.notOk(isProgramKind('toString'))
})

t.test('a kind with a prefix is kept to it', async (t) => {
  for (const kind of programKinds.filter(isProgramKind)) {
    const rules = rulesOfKind(kind, ['house/plug'])
    const rights = rightsOf({ name: 'one', rules, tokens: [] })
    t.ok(rights.mayPublish('house/plug/x', false).allowed, kind)
    for (const topic of ['house/x', 'other/plug/x', 'zigbee2mqtt/x', 'nodes/a/relay/1/set']) {
      t.notOk(rights.mayPublish(topic, false).allowed, `${kind} ${topic}`)
      t.notOk(rights.mayRead(topic), `${kind} ${topic}`)
    }
  }
})
