import fc from 'fast-check'
import t from 'tap'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createClownModel, shapeOf } from '../../src/nodes/clown-model.ts'

function messageOf(topic: string, payload: string | Buffer): Message {
  return { topic, payload: new Payload(Buffer.from(payload)), qos: 0, retain: false }
}

const model = createClownModel()

/** How a message breaks the schema of its topic, if it does. */
function problemOf({ topic, payload }: Message, by = model): string | undefined {
  return by.problemsOn(topic)?.(payload)
}

t.test('a payload that keeps the schema of its kind is no problem', async (t) => {
  const kept: [string, string][] = [
    ['thermometer/i2c0-48', '{"temperature":[20.01,"℃"]}'],
    ['thermometer/i2c0-49', '{"temperature":[20,"°C"],"battery":[3,"V"]}'],
    ['humidity-sensor/i2c0-40', '{"relative-humidity":[41.6,"%"]}'],
    ['barometer/i2c0-60', '{"pressure":[98.8,"kPa"]}'],
    ['pir/-', '{"event-count":0}'],
    ['lux-meter/i2c0-44/get', '{}'],
    ['relay/i2c0-3b', '{"state":true}'],
    ['relay/i2c0-3b/set', '{"state":false}'],
    ['led/-/set', '{"state":"2-dot"}'],
    ['display-oled/i2c0-3c/set', '{"line-0":"123456789012345678901"}'],
    ['display-oled/i2c0-3c/set', '{"raw":"AAECAw=="}'],
    ['boot', '{"reason-for-reset":"power-on"}'],
    ['thermometer/i2c0-48/config/set', '{"publish-interval":0.5,"unit":"K"}'],
    ['thermometer/i2c0-48/config/ok', '{}'],
    ['-/-/config/list/ok', '{"sensors":["pir/-"],"actuators":[{}],"notifications":[]}'],
    ['clown.talk/-/config/set', '{}'],
  ]
  for (const [topic, payload] of kept) {
    for (const base of ['', 'nodes/', 'nodes/bridge/0/']) {
      t.equal(problemOf(messageOf(base + topic, payload)), undefined, base + topic)
    }
  }
})

t.test('a payload that breaks the schema is told in one sentence', async (t) => {
  const told: [string, string, string][] = [
    ['relay/-/set', '{"state":"banana"}', 'expected /state to be boolean, got "banana"'],
    ['relay/-/set', '{}', 'expected the payload to have "state", for example {"state":true}'],
    ['relay/-/set', '', 'expected the payload to be object, got null'],
    ['relay/-/set', 'on', 'expected the payload to be object, got "on"'],
    ['relay/-/set', '{"state":true,"time":5}', 'unknown key "/time": known here: "state"'],
    ['relay/-', '{"state":1}', 'expected /state to be boolean, got 1'],
    [
      'led/-/set',
      '{"state":"4-dot"}',
      'expected /state to be "on", "off", "1-dot", "2-dot" or "3-dot", got "4-dot"',
    ],
    ['led/-/set', '{"state":"on","x":1}', 'unknown key "/x": known here: "state"'],
    [
      'display-oled/-/set',
      '{"line-0":"1234567890123456789012"}',
      'expected /line-0 to have at most 21 characters, got "1234567890123456789012"',
    ],
    ['display-oled/-/set', '{"line8":""}', 'unknown key "/line8": did you mean "line-0"?'],
    [
      'display-oled/-/set',
      '{"raw":"A==="}',
      'expected /raw to be the bytes of the picture in base64, got "A==="',
    ],
    [
      'thermometer/-',
      '{"temperature":[20]}',
      'expected /temperature to have at least 2 items, got an array of 1',
    ],
    [
      'thermometer/-',
      '{"temperature":[20,"F"]}',
      'expected /temperature/1 to be "℃" or "°C", got "F"',
    ],
    [
      'thermometer/-',
      '{"temperature":[1e999,"℃"]}',
      'expected /temperature/0 to be number, got Infinity',
    ],
    [
      'co2-sensor/-',
      '{"concentration":["612","ppm"]}',
      'expected /concentration/0 to be number, got "612"',
    ],
    ['push-button/-', '{"event-count":-1}', 'expected /event-count to be >= 0, got -1'],
    ['pir/-', '{"event-count":1.5}', 'expected /event-count to be integer, got 1.5'],
    [
      'pir/-/config/update',
      '{"publish-interval":0}',
      'expected /publish-interval to be >= 0.1, got 0',
    ],
    [
      'pir/-/config/set',
      '{"publish-interval":86401}',
      'expected /publish-interval to be <= 86400, got 86401',
    ],
    ['pir/-/config/error', '{"code":null}', 'expected /code to be string or integer, got null'],
  ]
  for (const [topic, payload, sentence] of told) {
    t.equal(problemOf(messageOf(`nodes/bridge/0/${topic}`, payload)), sentence)
  }
})

t.test('the more exact topic pattern decides', async (t) => {
  const empty = (topic: string) => problemOf(messageOf(topic, '{}'))
  t.match(empty('-/-/config/ok'), 'to have "sensors"', 'the answer to config/list')
  t.match(empty('clown.talk/-/config/ok'), 'to have "ack"', 'the answer to the opening')
  t.equal(empty('pir/-/config/ok'), undefined, 'the answer to config/set')
})

t.test('a topic of no known kind has no problem', async (t) => {
  for (const topic of ['a', 'relay', 'fan/-', 'fan/-/set', 'myrelay/-/set', 'relay/-/set/x']) {
    t.equal(problemOf(messageOf(topic, '"anything"')), undefined, topic)
  }
})

t.test('many topics change nothing', async (t) => {
  for (let number = 0; number <= 10_000; number += 1) {
    t.context.last = problemOf(messageOf(`relay/${number}/set`, '1'))
  }
  t.equal(t.context.last, 'expected the payload to be object, got 1')
  t.equal(problemOf(messageOf('relay/0/set', '{"state":true}')), undefined)
})

t.test('no payload makes the model throw', async (t) => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  t.match(problemOf(messageOf('relay/-/set', deep)), 'expected the payload to be object, got')
  t.match(
    problemOf(messageOf('relay/-/set', `{"state":${deep}}`)),
    'expected the payload to be object, got',
  )
  const polluting = '{"__proto__":{"state":true},"constructor":{"state":true}}'
  t.match(problemOf(messageOf('relay/-', polluting)), 'to have "state"')
  t.match(problemOf(messageOf('relay/-/set', '{"__proto__":1,"state":true}')), '__proto__')
  const topics = fc.constantFrom('relay/-/set', 'led/-', 'display-oled/-/set', 'thermometer/-', 'x')
  const bytes = fc.oneof(
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .dictionary(fc.constantFrom('state', 'line-0', 'raw', 'temperature'), fc.jsonValue())
      .map((value) => Buffer.from(JSON.stringify(value))),
  )
  const isOneLine = (topic: string, payload: Buffer) => {
    const problem = problemOf(messageOf(topic, payload))
    return problem === undefined || !/[\r\n]/.test(problem)
  }
  t.doesNotThrow(() => fc.assert(fc.property(topics, bytes, isOneLine)))
})

t.test('a kind with a schema for its commands can be commanded', async (t) => {
  for (const topic of ['nodes/bridge/0/relay/i2c0-3b', 'led/-', 'display-oled/-']) {
    t.ok(model.takesCommands(topic), topic)
  }
  for (const topic of ['thermometer/i2c0-48', 'a/relay', 'pir/-']) {
    t.notOk(model.takesCommands(topic), topic)
  }
})

t.test('a topic tells what it is for', async (t) => {
  t.equal(shapeOf('relay/i2c0-3b/set'), 'command')
  t.equal(shapeOf('lux-meter/-/get'), 'command')
  t.equal(shapeOf('set'), 'command')
  t.equal(shapeOf('pir/-/config/set'), 'request')
  t.equal(shapeOf('pir/-/config/get'), 'request')
  t.equal(shapeOf('pir/-/config/update'), 'request')
  t.equal(shapeOf('-/-/config/list'), 'request')
  t.equal(shapeOf('pir/-/config/ok'), 'answer')
  t.equal(shapeOf('pir/-/config/error'), 'answer')
  t.equal(shapeOf('relay/-/error'), 'answer')
  t.equal(shapeOf('-/-/config/list/ok'), 'answer')
  t.equal(shapeOf('nodes/bridge/0/-/presence'), 'answer')
  t.equal(shapeOf('relay/a/-/label'), 'answer')
  t.equal(shapeOf('relay/a/label'), 'report')
  t.equal(shapeOf('nodes/bridge/0/boot'), 'notification')
  t.equal(shapeOf('boot'), 'notification')
  t.equal(shapeOf('relay/i2c0-3b'), 'report')
  t.equal(shapeOf('a/reboot'), 'report')
  t.equal(shapeOf('a/myconfig/set'), 'command')
})
