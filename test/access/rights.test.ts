import fc from 'fast-check'
import t from 'tap'
import { actionsOf, rightsOf } from '../../src/access/rights.ts'
import type { Action, Role, Rule, User } from '../../src/access/user.ts'
import { matches } from '../../src/core/filter.ts'

const actions: Action[] = ['read', 'write', 'command', 'retain']
const base = 'nodes/bridge/0'

function userWith(given: Partial<User>): User {
  return { name: 'bob', rules: [], tokens: [], ...given }
}

/** What `given` may do on `topic`. */
function allowed(given: Partial<User>, topic: string, clientId?: string): Action[] {
  const rights = rightsOf(userWith(given), clientId)
  return actions.filter((action) => rights.may(action, topic).allowed)
}

t.test('each role allows what its table says', async (t) => {
  const cases: [Role | undefined, topic: string, Action[]][] = [
    [undefined, 'a/b', []],
    ['viewer', 'a/b', ['read']],
    ['viewer', '$SYS/x', []],
    ['operator', 'a/b', actions],
    ['operator', '$SYS/x', []],
    ['admin', 'a/b', actions],
    ['admin', '$SYS/x', ['read']],
    ['node', `${base}/relay/0/set`, ['read', 'write', 'retain']],
    ['node', `${base}/relay/0/get`, ['read', 'write', 'retain']],
    ['node', `${base}/relay/0/config/list`, ['read', 'write', 'retain']],
    ['node', `${base}/relay/0`, ['write', 'retain']],
    ['node', `${base}1/relay/0`, []],
    ['node', 'nodes/bridge/1/relay/0/set', []],
  ]
  for (const [role, topic, expected] of cases) {
    t.same(allowed({ ...(role && { role }), base }, topic), expected, `${role} ${topic}`)
  }
  t.same(allowed({ role: 'node' }, 'relay/0/set'), [], 'a node without a base')
})

t.test(
  'a role of the users file has its rules, with placeholders, and what they deny',
  async (t) => {
    const cleaner = {
      role: 'cleaner',
      roleRules: [
        { allow: ['read', 'command'], topic: 'rooms/#' },
        { deny: ['command'], topic: 'rooms/attic/#' },
        { allow: ['write'], topic: 'of/{user}/{client}' },
      ],
      rules: [{ allow: ['read'], topic: 'time' }],
    } satisfies Partial<User>
    t.same(allowed(cleaner, 'rooms/hall/x/set'), ['read', 'command'])
    t.same(allowed(cleaner, 'rooms/attic/x/set'), ['read'])
    t.same(allowed(cleaner, 'of/bob/tab', 'tab'), ['write'])
    t.same(allowed(cleaner, 'of/bob/tab'), [])
    t.same(allowed(cleaner, 'time'), ['read'])
    t.same(allowed(cleaner, '$SYS/x'), [])
    t.same(actionsOf(userWith(cleaner)), ['read', 'write', 'command'])
    const { reason } = rightsOf(userWith(cleaner)).may('command', 'rooms/attic/x/set')
    t.equal(reason, 'role cleaner denies command on rooms/attic/#')
  },
)

t.test('a role with a dollar sign in its base is taken at its word', async (t) => {
  t.same(allowed({ role: 'node', base: 'a/$&' }, 'a/$&/x'), ['write', 'retain'])
})

t.test(
  'publishing needs command for a command, or write; without retain nothing is kept',
  async (t) => {
    const mayPublish = (allow: Action[], topic: string, retain: boolean) =>
      rightsOf(userWith({ rules: [{ allow, topic: '#' }] })).mayPublish(topic, retain).allowed
    for (const retain of [false, true]) {
      t.ok(mayPublish(['command'], 'relay/0/set', retain))
      t.notOk(mayPublish(['read', 'write', 'retain'], 'relay/0/set', retain))
      t.ok(mayPublish(['write', 'retain'], 'relay/0', retain))
      t.notOk(mayPublish(['read', 'command', 'retain'], 'relay/0', retain))
    }
    const writer = rightsOf(userWith({ rules: [{ allow: ['write'], topic: '#' }] }))
    t.match(writer.mayPublish('relay/0', true), { allowed: true, withoutRetain: true })
    t.equal(writer.mayPublish('relay/0', false).withoutRetain, undefined)
    const keeper = rightsOf(userWith({ role: 'operator' }))
    t.equal(keeper.mayPublish('relay/0', true).withoutRetain, undefined)
  },
)

t.test('deny beats allow, whichever comes first, and the decision names the rule', async (t) => {
  const rules: Rule[] = [
    { deny: ['command'], topic: 'nodes/+/relay/+/set' },
    { allow: ['command'], topic: 'nodes/#' },
    { allow: ['write'], deny: ['retain'], topic: 'logs/#' },
  ]
  const rights = rightsOf(userWith({ role: 'operator', rules }))
  t.same(rights.mayPublish('nodes/a/relay/0/set', false), {
    allowed: false,
    reason: 'the rule for nodes/+/relay/+/set denies command on nodes/+/relay/+/set',
  })
  t.ok(rights.mayPublish('nodes/a/led/0/set', false).allowed)
  t.match(rights.mayPublish('logs/a', true), { allowed: true, withoutRetain: true })
})

t.test('what may not be read is not read by any subscription', async (t) => {
  const rules: Rule[] = [{ deny: ['read'], topic: 'nodes/a/secret/#' }]
  const rights = rightsOf(userWith({ role: 'viewer', rules }))
  for (const filter of ['#', 'nodes/#', 'nodes/+/secret/x', 'nodes/a/+']) {
    t.ok(rights.maySubscribe(filter).allowed, filter)
    t.notOk(rights.readsAll(filter), `${filter} is checked on delivery`)
  }
  t.ok(rights.readsAll('nodes/b/#'))
  t.match(rights.maySubscribe('nodes/a/secret/+'), {
    allowed: false,
    reason: 'the rule for nodes/a/secret/# denies read on nodes/a/secret/#',
  })
  t.notOk(rights.mayRead('nodes/a/secret/x'))
  t.ok(rights.mayRead('nodes/a/other/x'))
  t.notOk(rights.mayRead('$SYS/hub/commands/nodes/a/secret/x'), 'nor what is told of commands')
  for (const base of ['nodes', 'nodes/a', 'nodes/a/secret', 'nodes/a/secret/x']) {
    t.notOk(rights.mayRead(`$SYS/hub/nodes/${base}`), `nor what is told of ${base}`)
  }
  t.ok(rights.mayRead('$SYS/hub/nodes/nodes/b'))
  t.not(rights.key, rightsOf(userWith({ role: 'viewer' })).key, 'the audience is another one')
})

t.test(
  'allow and deny are what they say, for all rules and topics of a small alphabet',
  async (t) => {
    const levels = (names: string[]) =>
      fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 })
    const topic = levels(['a', 'b']).map((all) => all.join('/'))
    const filter = fc
      .tuple(levels(['a', 'b', '+']), fc.boolean())
      .map(([all, isOpen]) => [...all, ...(isOpen ? ['#'] : [])].join('/'))
    const some = fc.subarray(actions)
    const rule = fc.record({ allow: some, deny: some, topic: filter })
    const isDecided = (rules: Rule[], topic: string) =>
      actions.every((action) => {
        const [isAllowed, isDenied] = (['allow', 'deny'] as const).map((part) =>
          rules.some((each) => each[part]?.includes(action) && matches(each.topic, topic)),
        )
        const { allowed } = rightsOf(userWith({ rules })).may(action, topic)
        return allowed === (isAllowed && !isDenied)
      })
    const isRead = (rules: Rule[], topic: string, asked: string) => {
      const rights = rightsOf(userWith({ rules }))
      const isHeard = rights.mayRead(topic)
      if (isHeard !== rights.may('read', topic).allowed) return false
      if (!matches(asked, topic)) return true
      return isHeard ? rights.maySubscribe(asked).allowed : !rights.readsAll(asked)
    }
    const isRight = (rules: Rule[], topic: string, asked: string) =>
      isDecided(rules, topic) && isRead(rules, topic, asked)
    const property = fc.property(fc.array(rule, { maxLength: 4 }), topic, filter, isRight)
    t.doesNotThrow(() => fc.assert(property, { numRuns: 3000 }))
  },
)

t.test('a decision names the rule that decided', async (t) => {
  const rules: Rule[] = [{ allow: ['command'], topic: 'home/{user}/+/set' }]
  const rights = rightsOf(userWith({ role: 'viewer', rules }))
  t.same(rights.may('read', 'a'), { allowed: true, reason: 'role viewer allows read on #' })
  t.same(rights.mayPublish('home/bob/lamp/set', false), {
    allowed: true,
    reason: 'the rule for home/{user}/+/set allows command on home/bob/+/set',
  })
  t.same(rights.mayPublish('home/eve/lamp/set', false), {
    allowed: false,
    reason: 'no rule allows command on home/eve/lamp/set',
  })
  t.match(rights.mayPublish('a', true), { reason: 'no rule allows write on a' })
  t.match(rights.maySubscribe('a/#'), { reason: 'role viewer allows read on #' })
  t.match(rights.maySubscribe('$SYS/broker/#'), {
    reason: 'no rule allows read on $SYS/broker/#',
  })
})

t.test('what the hub tells of a device or node is for who may read it', async (t) => {
  const one = rightsOf(userWith({ rules: [{ allow: ['read'], topic: 'nodes/+/relay/+' }] }))
  t.ok(one.mayRead('$SYS/hub/commands/nodes/a/relay/1'))
  t.notOk(one.mayRead('$SYS/hub/commands/nodes/a/led/1'))
  t.notOk(one.mayRead('$SYS/hub/nodes/nodes/a'))
  t.ok(one.maySubscribe('$SYS/hub/commands/nodes/a/#').allowed)
  t.notOk(one.maySubscribe('$SYS/hub/nodes/#').allowed)
  const node = rightsOf(userWith({ rules: [{ allow: ['read', 'write'], topic: 'nodes/a/#' }] }))
  t.ok(node.mayRead('$SYS/hub/nodes/nodes/a'))
  t.notOk(node.mayRead('$SYS/hub/nodes/nodes/b'))
  t.notOk(node.mayPublish('$SYS/hub/nodes/nodes/a', false).allowed)
  const viewer = rightsOf(userWith({ role: 'viewer' }))
  t.ok(viewer.readsAll('$SYS/hub/commands/#'))
  t.ok(viewer.mayRead('$SYS/hub/nodes/nodes/a'))
  t.notOk(viewer.mayRead('$SYS/hub/other'))
  t.equal(viewer.key, JSON.stringify([['#'], []]), 'audiences are those of what was written')
  const writer = rightsOf(userWith({ rules: [{ allow: ['write'], topic: '#' }] }))
  t.notOk(writer.mayRead('$SYS/hub/commands/a/b'))
})

t.test('a placeholder stands for one plain level, or its rule is void', async (t) => {
  const rules: Rule[] = [
    { allow: ['read'], topic: '{client}/#' },
    { allow: ['write'], topic: 'of/{user}/{client}' },
    { allow: ['command'], topic: 'x{user}/{client}x' },
  ]
  t.same(allowed({ rules }, 'c1/x', 'c1'), ['read'])
  t.same(allowed({ rules }, 'c2/x', 'c1'), [])
  t.same(allowed({ rules }, 'of/bob/c1', 'c1'), ['write'])
  t.same(allowed({ rules }, 'of/bob/c1'), [])
  t.same(allowed({ rules }, 'xbob/c1x', 'c1'), [], 'only whole levels are placeholders')
  for (const clientId of ['', '+', '#', 'a+', 'a/b', '$SYS', 'a\u0000', '\ufffd', '/']) {
    for (const topic of ['a/b', 'a', '$SYS/x', `${clientId}/x`]) {
      t.same(allowed({ rules }, topic, clientId), [], JSON.stringify([clientId, topic]))
    }
  }
  t.same(allowed({ name: '+', rules }, 'of/bob/c1', 'c1'), [])
  t.same(allowed({ name: 'toString', rules }, 'of/toString/c$1', 'c$1'), ['write'])
  t.same(allowed({ rules }, 'of/bob/{user}', '{user}'), ['write'], 'a value is no placeholder')
})

t.test('no client id gets around what is denied', async (t) => {
  const rules: Rule[] = [{ deny: ['write'], allow: ['read'], topic: 'of/{client}/#' }]
  const mayWrite = (topic: string, clientId?: string) =>
    allowed({ role: 'operator', rules }, topic, clientId).includes('write')
  t.notOk(mayWrite('of/c1/x', 'c1'))
  t.ok(mayWrite('of/c2/x', 'c1'))
  for (const clientId of [undefined, '', '+', 'a/b', '#']) {
    t.notOk(mayWrite('of/c1/x', clientId), String(clientId))
    t.same(allowed({ rules }, 'of/c1/x', clientId), [], 'and allows nothing')
  }
})

t.test('a subscription is allowed when something may come of it', async (t) => {
  const maySubscribe = (readable: string, filter: string) =>
    rightsOf(userWith({ rules: [{ allow: ['read'], topic: readable }] })).maySubscribe(filter)
      .allowed
  for (const filter of ['nodes/#', 'nodes/+/0', '+/x', 'nodes', '+/+/+', '#', '+/#', '+/x/#']) {
    t.ok(maySubscribe('nodes/#', filter), filter)
  }
  for (const filter of ['other/#', '$SYS/broker/#', 'other/nodes', '$dropped']) {
    t.notOk(maySubscribe('nodes/#', filter), filter)
  }
  for (const filter of ['#', '+/#', '+/x/#', '+']) t.ok(maySubscribe('#', filter), filter)
  t.ok(maySubscribe('+/x/#', '+/x/#'))
  t.notOk(maySubscribe('+/x', 'a/+/x'))
  t.notOk(
    rightsOf(userWith({ rules: [{ allow: ['write'], topic: '#' }] })).maySubscribe('a').allowed,
  )
})

t.test('what one rule denies as a whole makes no subscription', async (t) => {
  const subscribing = (filter: string, ...rules: Rule[]) =>
    rightsOf(userWith({ rules })).maySubscribe(filter)
  const own: Rule = { allow: ['read'], topic: 'nodes/a/#' }
  t.same(subscribing('#', own, { deny: ['read'], topic: 'nodes/#' }), {
    allowed: false,
    reason: 'the rule for nodes/# denies read on nodes/#',
  })
  t.same(subscribing('other/#', own, { deny: ['read'], topic: 'other/x' }), {
    allowed: false,
    reason: 'no rule allows read on other/#',
  })
  t.same(subscribing('+/+/x', own, { deny: ['read'], topic: '+/a/y' }), {
    allowed: true,
    reason: 'the rule for nodes/a/# allows read on nodes/a/#, which is not all of +/+/x',
  })
  t.match(subscribing('#', own, { deny: ['read'], topic: 'nodes/a/secret' }), {
    allowed: true,
    reason: /but the rule for nodes\/a\/secret denies read on nodes\/a\/secret$/,
  })
  t.ok(
    subscribing('#', own, { deny: ['read'], topic: 'nodes/#' }, { allow: ['read'], topic: 'free' })
      .allowed,
    'what another rule lets through',
  )
})

t.test('the memory of what may be read never changes an answer', async (t) => {
  const rules: Rule[] = [{ allow: ['read'], topic: 'a/+/set' }]
  const rights = rightsOf(userWith({ rules }))
  const level = fc.integer({ max: 400, min: 0 }).map((number) => `${number}`)
  const topics = fc.tuple(fc.constantFrom('a', 'b'), level, fc.constantFrom('set', 'get'))
  const isSame = (levels: string[]) => {
    const topic = levels.join('/')
    return rights.mayRead(topic) === rights.may('read', topic).allowed
  }
  t.doesNotThrow(() => fc.assert(fc.property(topics, isSame), { numRuns: 3000 }))
})

t.test('whoever reads all that a filter matches needs no check on delivery', async (t) => {
  const rules: Rule[] = [
    { allow: ['read'], topic: 'a/#' },
    { allow: ['write'], topic: 'b/#' },
  ]
  const rights = rightsOf(userWith({ rules }))
  t.ok(rights.readsAll('a/+/set'))
  t.notOk(rights.readsAll('+/x'))
  t.notOk(rights.readsAll('b/x'))
})

t.test('those with the same rules for reading share a key', async (t) => {
  const keyOf = (given: Partial<User>, clientId?: string) => rightsOf(userWith(given), clientId).key
  const own: Rule[] = [{ allow: ['read'], topic: 'of/{user}' }]
  t.equal(keyOf({ role: 'viewer' }), keyOf({ name: 'eve', role: 'operator' }))
  t.not(keyOf({ role: 'viewer' }), keyOf({ role: 'admin' }))
  t.not(keyOf({ rules: own }), keyOf({ name: 'eve', rules: own }))
  t.equal(keyOf({ rules: own }), keyOf({ rules: [{ allow: ['read'], topic: 'of/bob' }] }))
  const two: Rule[] = ['b', 'a', 'b'].map((topic) => ({ allow: ['read'], topic }))
  t.equal(keyOf({ rules: two }), keyOf({ rules: [...two].slice(0, 2).reverse() }))
})
