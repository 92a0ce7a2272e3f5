import t from 'tap'
import { changesCodec, keyCodec, phpJson } from '../../../src/dialects/jeedom/frames.ts'
import { codecContract, goldenFrames } from '../served-contract.ts'

t.test('what has happened', async (t) => {
  codecContract(t, changesCodec, {
    frames: goldenFrames('jeedom', 'changes'),
    rubbish: [
      '',
      '[]',
      '{"datetime":1}',
      '{"datetime":"1","result":[]}',
      '{"datetime":1,"result":{}}',
      '{"datetime":1,"result":[5]}',
      '{"datetime":1,"result":[{"datetime":"1","option":{}}]}',
      '{"datetime":1,"result":[{"datetime":"now","name":"notify","option":{}}]}',
      '{"datetime":1,"result":[{"datetime":null,"name":"notify","option":{}}]}',
      '{"datetime":1,"result":[{"datetime":1,"name":"notify","option":[1]}]}',
      '{"datetime":1,"result":[{"datetime":1,"name":"notify","option":5}]}',
    ],
  })
})

t.test('the key of a client', async (t) => {
  codecContract(t, keyCodec, {
    frames: goldenFrames('jeedom', 'keys'),
    rubbish: ['', '{', '"userApiKey"', '[]', '{}', '{"apiKey":5}', '{"apikey":"x"}', 'null'],
  })
})

t.test('what is not ASCII is escaped, as PHP does', async (t) => {
  t.equal(phpJson({ unit: '°C ℃ 🐻' }), '{"unit":"\\u00b0C \\u2103 \\ud83d\\udc3b"}')
})
