import t from 'tap'
import { Echoes } from '../../src/bus/foreign/echoes.ts'
import { steppedClock } from '../clock.ts'
import { messageOn } from './contract.ts'

t.test('what never comes back is waited for no longer than that', async (t) => {
  const clock = steppedClock()
  const echoes = new Echoes(clock)
  const messages = ['1', '2', '3', '4'].map((text) => messageOn(text === '4' ? 'b' : 'a', text))
  const [first, second, third, fourth] = messages
  for (const message of [first, second]) if (message) echoes.expect(message)
  t.equal(echoes.take('a', Buffer.from('2')), second)
  t.equal(echoes.take('a', Buffer.from('2')), undefined)
  clock.step(20_000)
  if (third) echoes.expect(third)
  clock.step(15_000)
  if (fourth) echoes.expect(fourth)
  t.equal(echoes.take('a', Buffer.from('1')), undefined)
  t.equal(echoes.take('a', Buffer.from('3')), third)
  clock.step(40_000)
  echoes.expect(messageOn('c', '5'))
  t.equal(echoes.take('b', Buffer.from('4')), undefined)
  echoes.clear()
  t.equal(echoes.take('c', Buffer.from('5')), undefined)
})
