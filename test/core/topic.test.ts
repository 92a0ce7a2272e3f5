import fc from 'fast-check'
import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import {
  checkFilter,
  checkTopic,
  defaultTopicLimits,
  filterBelow,
  isCommand,
  joinTopic,
  relativeTopic,
} from '../../src/core/topic.ts'

t.test('a topic of plain levels is accepted', async (t) => {
  for (const topic of [
    'relay/i2c0-3b/set',
    'a',
    '-/-/config/list',
    'kancelář/teplota',
    'a'.repeat(64),
  ]) {
    t.doesNotThrow(() => checkTopic(topic), topic)
  }
})

t.test('a topic that breaks a rule is refused with the rule and the topic', async (t) => {
  const refused: [string, string][] = [
    ['', 'no empty level'],
    ['a//b', 'no empty level'],
    ['/a', 'no empty level'],
    ['a/', 'no empty level'],
    ['relay/+/set', 'no wildcard +'],
    ['a/#', 'no wildcard #'],
    ['$SYS/x', 'no $ at its start'],
    ['a\u0000b', 'no character U+0000'],
    ['a\r\nb', 'no character U+000D'],
    ['a\ufffdb', 'no character U+FFFD'],
    ['\ufeffa', 'no character U+FEFF'],
    ['re\u200blay', 'no character U+200B'],
    ['a\u202eb', 'no character U+202E'],
    ['a\u00adb', 'no character U+00AD'],
    ['a\u{e0041}', 'no character U+E0041'],
    ['a\ud800', 'no character U+D800'],
    ['a\u{1fffe}', 'no character U+1FFFE'],
    ['b'.repeat(defaultTopicLimits.levelBytes + 1), 'at most 64 bytes a level'],
    [
      Array(defaultTopicLimits.levels + 1)
        .fill('a')
        .join('/'),
      'at most 16 levels',
    ],
    [Array(5).fill('c'.repeat(60)).join('/'), 'at most 256 bytes'],
  ]
  for (const [topic, rule] of refused) {
    t.throws(
      () => checkTopic(topic),
      { code: 'bad-topic', message: new RegExp(rule.replace('+', '\\+').replace('$', '\\$')) },
      JSON.stringify(topic),
    )
  }
})

t.test('a filter may hold wildcards as whole levels', async (t) => {
  for (const filter of ['#', '+', 'a/+/b/#', '+/+', 'nodes/bridge/0/#', '$SYS/#', 'a']) {
    t.doesNotThrow(() => checkFilter(filter), filter)
  }
})

t.test('a filter that breaks a rule is refused with the rule', async (t) => {
  const refused: [string, RegExp][] = [
    ['', /no empty level/],
    ['a//b', /no empty level/],
    ['a#', /wildcards as whole levels/],
    ['a/#/b', /wildcards as whole levels/],
    ['a/b+', /wildcards as whole levels/],
    ['+a', /wildcards as whole levels/],
    ['##', /wildcards as whole levels/],
    ['$share/group/a', /no \$share/],
    ['a/\u0000', /no character U\+0000/],
    [Array(17).fill('+').join('/'), /at most 16 levels/],
  ]
  for (const [filter, rule] of refused) {
    t.throws(
      () => checkFilter(filter),
      { code: 'bad-topic', message: rule },
      JSON.stringify(filter),
    )
  }
})

t.test('limits other than the defaults are kept', async (t) => {
  const limits = { bytes: 8, levels: 2, levelBytes: 4 }
  t.doesNotThrow(() => checkTopic('abcd/abc', limits))
  t.throws(() => checkTopic('abcd/abcd', limits), { message: /at most 8 bytes/ })
  t.throws(() => checkTopic('a/b/c', limits), { message: /at most 2 levels/ })
  t.throws(() => checkTopic('abcde', limits), { message: /at most 4 bytes a level/ })
})

t.test('a base is put before topics and taken off again', async (t) => {
  t.equal(joinTopic('nodes/bridge/0', 'relay/i2c0-3b'), 'nodes/bridge/0/relay/i2c0-3b')
  t.equal(joinTopic('', 'a/b'), 'a/b')
  t.equal(relativeTopic('nodes/bridge/0', 'nodes/bridge/0/led/-'), 'led/-')
  t.equal(relativeTopic('', 'a/b'), 'a/b')
  t.equal(relativeTopic('nodes/bridge/0', 'nodes/bridge/01/led/-'), undefined)
  t.equal(relativeTopic('nodes/bridge/0', 'nodes/bridge/0'), undefined)
  t.equal(filterBelow('nodes/bridge/0'), 'nodes/bridge/0/#')
  t.equal(filterBelow(''), '#')
})

t.test('a topic that ends in /set is a command', async (t) => {
  t.ok(isCommand('nodes/bridge/0/relay/i2c0-3b/set'))
  t.notOk(isCommand('nodes/bridge/0/relay/i2c0-3b'))
  t.notOk(isCommand('a/reset'))
})

t.test('any text is a topic that MQTT can carry, or is refused as none', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        checkTopic(text)
      } catch (error) {
        return error instanceof HubError && error.code === 'bad-topic'
      }
      return text.isWellFormed() && !/[+#\0]|^\$|^\/|\/\/|\/$|^$/.test(text)
    }),
  )
})
