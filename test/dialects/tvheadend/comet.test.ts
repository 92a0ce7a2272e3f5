import t from 'tap'
import { cometCodec } from '../../../src/dialects/tvheadend/comet.ts'
import { codecContract, goldenFrames } from '../served-contract.ts'

codecContract(t, cometCodec, {
  frames: goldenFrames('tvheadend', 'frames'),
  rubbish: [
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"messages":{}}',
    '{"messages":[1]}',
    '{"messages":[{"class":"x"}]}',
    '{"boxid":1,"messages":[]}',
  ],
})

t.test('control characters in texts, as the original sent them, are understood', async (t) => {
  const logtxt = 'one\u0001two\nthree'
  const frame = `{"messages":[{"notificationClass":"logmessage","logtxt":"${logtxt}"}]}`
  t.same(cometCodec.decode(frame), { messages: [{ notificationClass: 'logmessage', logtxt }] })
})
