import { pino } from 'pino'
import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createClownTalk } from '../../src/dialects/clown-talk.ts'
import { createEventStream } from '../../src/dialects/event-stream.ts'

const clownTalk = createClownTalk({
  release: { version: '1.2.3', releaseDate: '2026-11-21T00:00:00Z' },
  limits: { json: { depth: 32, nodes: 1000 }, websocket: { linesPerMessage: 10 } } as never,
  sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
})

t.test('each line is an event in one piece, whose id is the position', async (t) => {
  const stream = createEventStream(clownTalk)
  const payload = new Payload(Buffer.from('{\n"a":\r\n1}'))
  t.match(stream.encode('a', payload), /^data: \["a",\{ +"a": +1\}\]\n\n$/)
  t.match(stream.encode('a', payload, { position: 'e:1' }), /^id: e:1\ndata: [^\n]+\n\n$/)
  t.match(stream.encodeError(new HubError('too-fast', 'a')), /^data: \["clown.talk\/-\/error"/)
  t.match(stream.encodeMissed(1, 'e:0'), /^data: \["clown.talk\/-\/missed"/)
  t.match(stream.encodePosition?.('e:2'), /^id: e:2\ndata: /)
})
