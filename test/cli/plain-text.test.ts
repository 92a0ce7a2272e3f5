import t from 'tap'
import { plainText } from '../../src/cli/plain-text.ts'

t.test('what a stranger wrote stays on its line, and turns nothing around', async (t) => {
  t.equal(plainText('a\r\n\u001b[2Jb\u0085c'), 'a [2Jb c')
  t.equal(plainText('relay/\u202etes/0\u2066-yaler'), 'relay/ tes/0 -yaler')
  t.equal(plainText('home/👨‍👩‍👧/می‌خواهم'), 'home/👨‍👩‍👧/می‌خواهم')
})
