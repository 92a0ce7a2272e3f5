import fc from 'fast-check'
import { pino } from 'pino'
import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { checkTopic, isTopic } from '../../src/core/topic.ts'
import { createClownTalk } from '../../src/dialects/clown-talk.ts'
import { textsOf } from '../../src/mqtt/properties.ts'
import { anyText } from '../any-text.ts'
import { converse, dialectContract } from './contract.ts'

const counters = createCounters()

const clownTalk = createClownTalk({
  release: { version: '1.2.3', releaseDate: '2026-11-21T00:00:00Z' },
  limits: {
    json: { depth: 16, keys: 256, stringBytes: 16_384, arrayItems: 1024 },
    websocket: { linesPerMessage: 64 },
  },
  sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
})

t.test(
  'a frame counts for as many messages as it has lines, up to the most it may have',
  async (t) => {
    const countOf = (frame: string) => clownTalk.countMessages(Buffer.from(frame))
    t.equal(countOf(''), 1)
    t.equal(countOf('["a",1]'), 1)
    t.equal(countOf('["a",1]\n'), 1)
    t.equal(countOf('["a",1]\n["a",1]'), 2)
    t.equal(countOf('["a",1]\n\n["a",1]\n'), 3)
    t.equal(countOf('\n'.repeat(60_000)), 64)
  },
)

t.test('Clown.Talk keeps the contract of dialects', async (t) => {
  dialectContract(t, clownTalk, {
    received: [
      {
        frame: '["relay/i2c0-3b/set", {"state": false}]',
        topic: 'relay/i2c0-3b/set',
        payload: '{"state": false}',
      },
      {
        frame: '["thermometer/i2c0-48", {"temperature":[20.10,"℃"]}]\n',
        topic: 'thermometer/i2c0-48',
        payload: '{"temperature":[20.10,"℃"]}',
      },
      { frame: '["info/get", null]\r\n', topic: 'info/get', payload: 'null' },
      { frame: ' [ "a" , 1.50 , {"id":"x"} ] ', topic: 'a', payload: '1.50' },
      {
        frame: '["a","/wA=",{"encoding":"base64"}]',
        topic: 'a',
        payload: Buffer.from([0xff, 0x00]),
      },
    ],
    sent: [
      { topic: 'led/-', payload: '{"state":"on"}', frame: '["led/-",{"state":"on"}]\n' },
      { topic: 'a"b', payload: '', frame: '["a\\"b",null]\n' },
      { topic: 'a', payload: 'on\n', frame: '["a","on\\n"]\n' },
      {
        topic: 'a',
        payload: Buffer.from([0xff, 0x00]),
        frame: '["a","/wA=",{"encoding":"base64"}]\n',
      },
    ],
  })
})

t.test(
  'a line with an id is answered with it, and what becomes of its command is told',
  async (t) => {
    const conversation = converse(clownTalk)
    conversation.receive('["led/-/set",{"state":"on"},{"id":"a"}]\n["led/-/set",{},{"id":7}]\n')
    const [first, second] = conversation.published.map(({ watcher }) => watcher)
    first?.changed({ receipt: 'sent', afterMs: 0 })
    second?.changed({ receipt: 'refused', code: 'too-fast', message: 'no', afterMs: 1 })
    t.same(conversation.sent, [
      '["led/-/set",{"receipt":"sent","afterMs":0},{"id":"a"}]\n',
      '["led/-/set",{"receipt":"refused","code":"too-fast","message":"no","afterMs":1},{"id":7}]\n',
    ])
  },
)

t.test('credentials of who is signed in already are no message', async (t) => {
  const { receive, published, sent } = converse(clownTalk)
  receive('["$hub/auth",{"user":"clown","password":"bigclown"}]')
  t.same(published, [])
  t.same(sent.length, 1)
  t.match(sent[0], /^\["clown\.talk\/-\/error",\{"code":"bad-topic",/)
  t.notMatch(sent[0], 'bigclown')
})

t.test('a line may be forced, and only by true', async (t) => {
  const { receive, published } = converse(clownTalk)
  receive('["a/b/set",1,{"force":true}]\n["a/b/set",1,{"force":1}]\n["a/b/set",1]\n')
  t.match(published, [{ force: true }, { force: false }, { force: false }])
})

t.test(
  'a line without an id has no watcher, and one that is refused is answered by id',
  async (t) => {
    const conversation = converse(clownTalk, () => {
      throw new HubError('forbidden', 'expected a right')
    })
    conversation.receive('["a",1,{"id":"b"}]')
    t.same(conversation.sent, [
      '["a/error",{"code":"forbidden","message":"expected a right"},{"id":"b"}]\n',
    ])
    for (const id of ['""', '1.5', 'null', '{}', JSON.stringify('x'.repeat(65))]) {
      const asked = converse(clownTalk)
      asked.receive(`["a",1,{"id":${id}}]`)
      t.match(asked.sent, [/"expected a text of 1 to 64 characters or an integer as id, got /], id)
      t.equal(asked.published.length, 0)
    }
    const plain = converse(clownTalk)
    plain.receive('["a",1,{}]')
    t.match(plain.published, [{ topic: 'a', watcher: undefined }])
  },
)

t.test('the introduction is answered, and the last values are asked for after it', async (t) => {
  const conversation = converse(clownTalk)
  conversation.receive('["clown.talk/-/config/set", {}]\n')
  t.same(
    conversation.sent.map((frame) => JSON.parse(frame)),
    [
      [
        'clown.talk/-/config/ok',
        {
          ack: false,
          device: 'hub',
          capabilities: 1,
          'firmware-datetime': '2026-11-21T00:00:00Z',
          'firmware-release': '1.2.3',
        },
      ],
    ],
  )
  t.equal(conversation.catchUps, 1)
  t.same(conversation.published, [])
})

t.test('one frame may carry several lines; a wrong one spoils none of the others', async (t) => {
  const conversation = converse(clownTalk)
  conversation.receive('\n["a",1]\n\n  \nrubbish\n["b",2]')
  t.same(
    conversation.published.map(({ topic, payload }) => [topic, payload.value]),
    [
      ['a', 1],
      ['b', 2],
    ],
  )
  t.match(conversation.sent, [/^\["clown\.talk\/-\/error",\{"code":"bad-frame"/])
  t.equal(conversation.sent.length, 1)
})

t.test('a wrong line is answered with what was expected and what came', async (t) => {
  const wrong: [frame: string | Buffer, topic: string, message: string][] = [
    ['hello', 'clown.talk/-/error', 'expected ["topic", payload], got "hello"'],
    ['{"a":1}', 'clown.talk/-/error', 'expected ["topic", payload], got "{\\"a\\":1}"'],
    ['[]', 'clown.talk/-/error', 'expected a string as topic, got "an empty array"'],
    ['[5, {}]', 'clown.talk/-/error', 'expected a string as topic, got "5"'],
    [
      '["a/b"]',
      'a/b/error',
      'expected ["topic", payload] or ["topic", payload, object], got "[\\"a/b\\"]"',
    ],
    [
      '["a/#"]',
      'clown.talk/-/error',
      'expected ["topic", payload] or ["topic", payload, object], got "[\\"a/#\\"]"',
    ],
    [
      '["a",1,{},4]',
      'a/error',
      'expected ["topic", payload] or ["topic", payload, object], got "[\\"a\\",1,{},4]"',
    ],
    ['["a",1,null]', 'a/error', 'expected an object as third element, got "null"'],
    ['["a",1,[]]', 'a/error', 'expected an object as third element, got "[]"'],
    [
      '["a","x",{"encoding":"hex"}]',
      'a/error',
      'expected base64 as encoding, got "{\\"encoding\\":\\"hex\\"}"',
    ],
    ['["a","x",{"encoding":"base64"}]', 'a/error', 'expected a payload in base64, got "\\"x\\""'],
    [
      '["a",{"toString":1},{"encoding":"base64"}]',
      'a/error',
      'expected a payload in base64, got "{\\"toString\\":1}"',
    ],
    [Buffer.from([0x5b, 0xff]), 'clown.talk/-/error', 'expected a frame in UTF-8, got other bytes'],
  ]
  for (const [frame, topic, message] of wrong) {
    const { sent, published, receive } = converse(clownTalk)
    receive(frame)
    t.same(
      sent.map((text) => JSON.parse(text)),
      [[topic, { code: 'bad-frame', message }]],
    )
    t.same(published, [])
  }
})

t.test(
  'F12: a line with too much JSON is refused by the rule it breaks, and counted',
  async (t) => {
    const before = counters.snapshot()['json-refused'] ?? 0
    const { sent, published, receive } = converse(clownTalk)
    receive(`["a",${'['.repeat(65_000)}\n["b",1]`)
    t.same(JSON.parse(sent[0] ?? ''), [
      'clown.talk/-/error',
      { code: 'bad-frame', message: 'expected at most 16 levels of nesting in JSON, got more' },
    ])
    t.equal(published.length, 1)
    t.equal(counters.snapshot()['json-refused'], before + 1)
  },
)

t.test('of a frame with too many lines none is obeyed', async (t) => {
  const { sent, published, receive } = converse(clownTalk)
  receive('["a",1]\n\n'.repeat(64))
  t.same([published.length, sent.length], [64, 0])
  receive('["a",1]\n'.repeat(65))
  t.equal(published.length, 64)
  t.same(
    sent.map((text) => JSON.parse(text)),
    [
      [
        'clown.talk/-/error',
        { code: 'bad-frame', message: 'expected at most 64 lines in a frame, got 65' },
      ],
    ],
  )
  t.equal(counters.snapshot()['websocket-too-many-lines'], 1)
})

t.test('a slow reader is told how many messages were left out', async (t) => {
  t.equal(clownTalk.encodeMissed(12), '["clown.talk/-/missed",{"count":12}]\n')
})

t.test('an introduction that is no object is refused', async (t) => {
  const { sent, receive } = converse(clownTalk)
  receive('["clown.talk/-/config/set", 1]')
  t.same(JSON.parse(sent[0] ?? ''), [
    'clown.talk/-/config/set/error',
    { code: 'bad-payload', message: 'expected an object, got "1"' },
  ])
})

t.test('what the hub refuses is answered on the topic it was about', async (t) => {
  const { sent, receive } = converse(clownTalk, (topic) => {
    checkTopic(topic)
    throw new HubError('bad-payload', 'expected a state')
  })
  receive('["relay/i2c0-3b/set", {}]\n["a/+", {}]')
  t.match(
    sent.map((text) => JSON.parse(text)),
    [
      ['relay/i2c0-3b/set/error', { code: 'bad-payload', message: 'expected a state' }],
      ['clown.talk/-/error', { code: 'bad-topic' }],
    ],
  )
})

t.test('a defect of the hub is not blamed on the client', async (t) => {
  const { receive } = converse(clownTalk, () => {
    throw new TypeError('a defect')
  })
  t.throws(() => receive('["a", 1]'), TypeError)
})

t.test('every message comes back as it was, and no topic but its own', async () => {
  const topics = anyText({ minLength: 1 }).filter(isTopic)
  const payloads = fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from([0xff, ...bytes])),
  )
  fc.assert(
    fc.property(topics, payloads, (topic, bytes) => {
      const { published, receive } = converse(clownTalk)
      const frame = clownTalk.encode(topic, new Payload(bytes))
      receive(frame)
      const [message] = published
      return (
        published.length === 1 &&
        message !== undefined &&
        message.topic === topic &&
        message.payload.bytes.equals(bytes) &&
        clownTalk.encode(message.topic, message.payload) === frame
      )
    }),
  )
})

t.test('a frame that came is told on as it came', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { published, receive } = converse(clownTalk)
      const frame = `["a",${JSON.stringify(value)}]\n`
      receive(frame)
      const [message] = published
      return message !== undefined && clownTalk.encode('a', message.payload) === frame
    }),
  )
})

t.test('who introduces itself says what else it wants to be told', async (t) => {
  for (const [asked, wishes, recovered] of [
    ['{}', {}, []],
    ['{"properties":false}', {}, []],
    ['{"properties":true}', { properties: true }, []],
    ['{"ages":true,"presence":true}', { ages: true, presence: true }, []],
    ['{"positions":true,"filters":["a/+"]}', { positions: true, filters: ['a/+'] }, []],
    ['{"after":"x:1"}', { positions: true }, ['x:1']],
  ] as const) {
    const conversation = converse(clownTalk)
    conversation.receive(`["clown.talk/-/config/set", ${asked}]`)
    t.same(conversation.wishes, [wishes])
    t.same(conversation.recovered, recovered)
    t.equal(conversation.catchUps, 1 - recovered.length)
    t.equal(conversation.sent.length, 1)
  }
})

t.test('what is wished for badly is refused, and nothing is shown', async (t) => {
  for (const [asked, expected] of [
    ['1', 'an object'],
    ['{"after":1}', 'a position as after'],
    ['{"filters":"a"}', 'a list of filters'],
    ['{"filters":[1]}', 'a list of filters'],
  ]) {
    const conversation = converse(clownTalk)
    conversation.receive(`["clown.talk/-/config/set", ${asked}, {"id":1}]`)
    t.same(conversation.wishes, [])
    t.match(conversation.sent, [`"code":"bad-payload","message":"expected ${expected}, got`])
    t.match(conversation.sent, ['{"id":1}'])
  }
})

t.test('the hub itself is asked by its own topics, and answers whoever asks', async (t) => {
  const conversation = converse(clownTalk)
  conversation.receive('["$hub/ping", {}, {"id": 1}]')
  conversation.receive('["$hub/subscribe", {"filters": ["a", "b/#"]}, {"id": 2}]')
  t.same(conversation.filters, ['a', 'b/#'])
  conversation.receive('["$hub/unsubscribe", {"filters": ["a"]}]')
  t.same(conversation.filters, ['b/#'])
  conversation.receive('["$hub/nodes", {}]')
  conversation.receive('["$hub/subscribe", {}, {"id": 3}]')
  await new Promise(setImmediate)
  t.same(conversation.sent, [
    '["$hub/ping/ok",{},{"id":1}]\n',
    '["$hub/subscribe/ok",{"filters":["a","b/#"]},{"id":2}]\n',
    '["$hub/unsubscribe/ok",{"filters":["a"]}]\n',
    '["$hub/nodes",{"base":"a"}]\n',
    '["$hub/subscribe/error",{"code":"bad-payload","message":"expected a list of filters, got \\"undefined\\""},{"id":3}]\n',
    '["$hub/nodes/ok",{"count":1}]\n',
  ])
  t.equal(clownTalk.encodeMissed(undefined), '["clown.talk/-/missed",{"count":null}]\n')
  t.equal(clownTalk.encodePosition?.('a:1'), '["clown.talk/-/position",{"position":"a:1"}]\n')
})

t.test('a line may say what MQTT 5 says of a message', async (t) => {
  const conversation = converse(clownTalk)
  const said = {
    contentType: 'text/plain',
    userProperties: [
      ['a', 'b'],
      ['a', 'č'],
    ],
  }
  conversation.receive(
    `["x", 1, ${JSON.stringify(said)}]\n["x", 1, {"userProperties":[]}]\n["x", 1]`,
  )
  const [first, second, third] = conversation.published.map(({ properties }) => properties)
  t.same(first && textsOf(first.bytes), said)
  t.equal(second?.bytes.length, 0)
  t.equal(third, undefined)
})

t.test('what MQTT 5 could not say is refused', async (t) => {
  const conversation = converse(clownTalk)
  const wrong = [
    '{"contentType":1}',
    '{"contentType":"a\\u0000"}',
    '{"userProperties":{"a":"b"}}',
    '{"userProperties":[["a"]]}',
    '{"userProperties":[["a",1]]}',
    `{"userProperties":${JSON.stringify(Array.from({ length: 65 }, () => ['a', 'b']))}}`,
    `{"contentType":"${'x'.repeat(4097)}"}`,
  ]
  for (const options of wrong) conversation.receive(`["x", 1, ${options}]`)
  t.same(conversation.published, [])
  t.equal(conversation.sent.filter((frame) => frame.includes('bad-frame')).length, wrong.length)
})
