import t from 'tap'
import { eventCodec } from '../../../src/dialects/deconz/event.ts'
import { codecContract, goldenFrames } from '../served-contract.ts'

codecContract(t, eventCodec, {
  frames: goldenFrames('deconz', 'events'),
  rubbish: [
    '',
    '[]',
    'null',
    '{"t":"event"',
    '{"e":"changed","id":"5","r":"sensors","t":"status"}',
    '{"e":"moved","id":"5","r":"sensors","t":"event"}',
    '{"e":"changed","id":"5","r":"rules","t":"event"}',
    '{"e":"changed","id":5,"r":"sensors","t":"event"}',
    '{"e":"changed","r":"sensors","t":"event"}',
    '{"e":"changed","id":"5","r":"sensors","t":"event","uniqueid":5}',
    '{"e":"scene-called","gid":"1","r":"scenes","t":"event"}',
    '{"e":"scene-called","scid":"1","r":"scenes","t":"event"}',
  ],
})
