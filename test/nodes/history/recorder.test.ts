import t from 'tap'
import { Payload } from '../../../src/core/payload.ts'
import { createRecorder, type Recorded } from '../../../src/nodes/history/recorder.ts'

const message = {
  topic: 'n/a/0',
  payload: Payload.ofJson('{"value":1}', { value: 1 }),
  qos: 0,
  retain: false,
} as const

t.test('who follows hears of what is not recorded, too', async (t) => {
  const added: unknown[] = []
  const recorder = createRecorder({
    history: {
      add: ({ at, value }) => {
        added.push([at, value])
        return undefined
      },
      promise: () => added.push('promised'),
    },
  })
  recorder.record(message, { isRecorded: false }, 1)
  t.equal(recorder.isFollowed, false)
  const heard: Recorded[] = []
  const stop = recorder.follow((recorded) => heard.push(recorded))
  t.equal(recorder.isFollowed, true)
  recorder.record(message, { isRecorded: false }, 2.6)
  recorder.record({ ...message, qos: 1 }, { isRecorded: true }, -5)
  t.match(heard, [
    { at: 3, quantities: { length: 0 } },
    { at: 0, quantities: { length: 1 } },
  ])
  t.same(added, [[0, 1], 'promised'])
  stop()
  recorder.record(message, { isRecorded: true }, 7)
  t.equal(heard.length, 2)
})
