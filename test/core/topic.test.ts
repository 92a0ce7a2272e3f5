import fc from 'fast-check'
import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import {
  checkFilter,
  checkTopic,
  checkTopicText,
  filterBelow,
  isAtOrBelow,
  isCommand,
  isFitName,
  isFitText,
  isTopic,
  joinTopic,
  relativeTopic,
  startWithin,
} from '../../src/core/topic.ts'
import { anyText } from '../any-text.ts'
import { anyTopic } from '../topics.ts'

t.test('a topic is what MQTT takes for one', async (t) => {
  for (const topic of [
    'relay/i2c0-3b/set',
    'a',
    '-/-/config/list',
    'kancelář/teplota',
    'a'.repeat(200),
    Array(201).fill('a').join('/'),
    '/devices/wb-mr6c_21/controls/K1',
    '/%sysname%/BME280/Temperature',
    'a//b/',
    '/',
    '//',
    'home/👨‍👩‍👧‍👦/🏳️‍🌈/🏴󠁧󠁢󠁷󠁬󠁳󠁿',
    'می‌خواهم/دما',
    'Wohn\u00adzimmer/Licht',
    '\u{feff}a',
    'a\u{fffd}b',
    're\u200blay',
    'homie/5/lamp/$state',
  ]) {
    t.doesNotThrow(() => checkTopic(topic), topic)
    t.doesNotThrow(() => checkFilter(topic), topic)
  }
})

t.test('a topic that breaks a rule is refused with the rule and the topic', async (t) => {
  const refused: [string, string][] = [
    ['', 'at least one character'],
    ['relay/+/set', 'no wildcard +'],
    ['a/#', 'no wildcard #'],
    ['$SYS/x', 'no $ at its start'],
    ['a\u0000b', 'no character U+0000'],
    ['a\r\nb', 'no character U+000D'],
    ['a\u007f', 'no character U+007F'],
    ['a\u009f', 'no character U+009F'],
    ['a\ud800', 'no character U+D800'],
    ['a\ufdd0', 'no character U+FDD0'],
    ['a\u{1fffe}', 'no character U+1FFFE'],
  ]
  for (const [topic, rule] of refused) {
    const message = `expected a topic with ${rule}, got ${JSON.stringify(topic)}`
    t.throws(() => checkTopic(topic), { code: 'bad-topic', message })
    if (!topic.startsWith('$'))
      t.throws(() => checkTopicText(topic), { code: 'bad-topic', message })
  }
  t.doesNotThrow(() => checkTopicText('$SYS/x'), 'MQTT itself forbids nobody a $')
})

t.test('a filter may hold wildcards as whole levels', async (t) => {
  for (const filter of [
    '#',
    '+',
    'a/+/b/#',
    '+/+',
    'nodes/bridge/0/#',
    '$SYS/#',
    'a',
    '/+/',
    '//#',
  ]) {
    t.doesNotThrow(() => checkFilter(filter), filter)
  }
})

t.test('a filter that breaks a rule is refused with the rule', async (t) => {
  const refused: [string, RegExp][] = [
    ['', /at least one character/],
    ['a#', /wildcards as whole levels/],
    ['a/#/b', /wildcards as whole levels/],
    ['a/b+', /wildcards as whole levels/],
    ['+a', /wildcards as whole levels/],
    ['##', /wildcards as whole levels/],
    ['#/', /wildcards as whole levels/],
    ['$share/group/a', /no \$share/],
    ['a/\u0000', /no character U\+0000/],
  ]
  for (const [filter, rule] of refused) {
    t.throws(
      () => checkFilter(filter),
      { code: 'bad-topic', message: rule },
      JSON.stringify(filter),
    )
  }
})

t.test('a topic past a limit is another error than one that breaks a rule', async (t) => {
  const limits = { bytes: 8, levels: 3 }
  for (const check of [checkTopic, checkFilter]) {
    for (const fine of ['abcd/abc', 'a//', 'čččč']) t.doesNotThrow(() => check(fine, limits), fine)
    for (const long of ['abcd/abcd', 'ččččč']) {
      t.throws(() => check(long, limits), {
        code: 'topic-too-big',
        message: /at most 8 bytes, got/,
      })
    }
    for (const deep of ['a/b/c/d', '///', 'č///']) {
      t.throws(() => check(deep, limits), {
        code: 'topic-too-big',
        message: /at most 3 levels, got 4/,
      })
    }
  }
  t.throws(() => checkTopic('a'.repeat(65_001)), { code: 'topic-too-big' })
  t.throws(() => checkFilter('+/'.repeat(201)), { code: 'topic-too-big' })
  t.notOk(isTopic('abcd/abcd', limits))
})

t.test('names are stricter than what travels: nothing in them is unseen', async (t) => {
  for (const text of ['re\u200blay', '\ufeffa', 'a\u202eb', 'a\u00adb', '👨‍👩‍👧', 'a\ufffd']) {
    t.ok(isFitText(text), text)
    t.notOk(isFitName(text), text)
  }
  for (const text of ['a\0', 'a\u0085', 'a\uffff', '\udc00']) {
    t.notOk(isFitText(text))
    t.notOk(isFitName(text))
  }
  t.ok(isFitName('Jiří 🦊'))
})

t.test('a base is put before topics and taken off again', async (t) => {
  t.equal(joinTopic('nodes/bridge/0', 'relay/i2c0-3b'), 'nodes/bridge/0/relay/i2c0-3b')
  t.equal(joinTopic('', 'a/b'), 'a/b')
  t.equal(relativeTopic('nodes/bridge/0', 'nodes/bridge/0/led/-'), 'led/-')
  t.equal(relativeTopic('', 'a/b'), 'a/b')
  t.equal(relativeTopic('nodes/bridge/0', 'nodes/bridge/01/led/-'), undefined)
  t.equal(relativeTopic('nodes/bridge/0', 'nodes/bridge/0'), undefined)
  t.equal(relativeTopic('a', 'a/'), '')
  t.equal(filterBelow('nodes/bridge/0'), 'nodes/bridge/0/#')
  t.equal(filterBelow('/devices'), '/devices/#')
  t.equal(filterBelow(''), '#')
})

t.test('whatever base and topic are, what is joined comes apart again', async () => {
  fc.assert(
    fc.property(anyTopic, anyTopic, (base, topic) => {
      const joined = joinTopic(base, topic)
      return isTopic(joined) && relativeTopic(base, joined) === topic
    }),
  )
})

t.test('a topic is at or below a base by whole levels', async (t) => {
  t.ok(isAtOrBelow('nodes/bridge/0', 'nodes/bridge/0'))
  t.ok(isAtOrBelow('nodes/bridge/0', 'nodes/bridge/0/led/-'))
  t.notOk(isAtOrBelow('nodes/bridge/0', 'nodes/bridge/01/led/-'))
  t.notOk(isAtOrBelow('nodes/bridge/0', 'nodes/bridge'))
})

t.test('a topic that ends in /set is a command', async (t) => {
  t.ok(isCommand('nodes/bridge/0/relay/i2c0-3b/set'))
  t.notOk(isCommand('nodes/bridge/0/relay/i2c0-3b'))
  t.notOk(isCommand('a/reset'))
})

t.test('of a topic that is too big its first levels are left', async (t) => {
  const limits = { bytes: 10, levels: 3 }
  const cases: [string, string | undefined][] = [
    ['a/b/c/d', 'a/b'],
    ['a/bcdefgh', 'a'],
    ['ab/čččččččč', 'ab'],
    ['a/b', 'a/b'],
    ['////', '/'],
    ['abcdefghijk', undefined],
    ['/abcdefghijk', undefined],
    ['$a/b/c/d', undefined],
  ]
  for (const [topic, start] of cases) t.equal(startWithin(topic, '/end', limits), start, topic)
})

t.test('any text is a topic that MQTT can carry, or is refused as none', async () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      try {
        checkTopic(text)
      } catch (error) {
        return error instanceof HubError && error.code === 'bad-topic'
      }
      return text.isWellFormed() && !/[+#\0]|^\$|^$/.test(text)
    }),
  )
})
