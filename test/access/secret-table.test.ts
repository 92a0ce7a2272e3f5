import t from 'tap'
import { createSecretTable, type SignedOut } from '../../src/access/secret-table.ts'
import { steppedClock } from '../clock.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const hour = 3_600_000
const day = 24 * hour
const clown = userNamed('clown')

function openTable(lifeMs = 12 * hour) {
  const clock = steppedClock()
  const directory = changingDirectory(clown)
  const table = createSecretTable({
    directory,
    lifeMs,
    idleMs: 2 * hour,
    perUser: 2,
    onExcess: () => {},
    now: clock.nowMs,
    after: clock.after,
  })
  /** Why the secrets that were followed have ended. */
  const ends: SignedOut[] = []
  const follow = (secret: string) => table.follow(secret, (why) => ends.push(why))
  return { table, clock, directory, ends, follow }
}

t.test('who follows a secret is told when it is ended, whatever ended it', async (t) => {
  const { table, ends, follow } = openTable()
  const add = () => {
    const secret = table.add({ user: clown })
    follow(secret)
    return secret
  }
  table.remove(add())
  add()
  table.removeAllOf('clown')
  add()
  add()
  add()
  t.same(ends, ['signed-out', 'signed-out', 'signed-out'], 'the last by one too many')
  follow('none')
  t.equal(ends.length, 4, 'what is over is over at once')
})

t.test(
  'when the user changes a secret is void, and who follows it goes on up to its end',
  async (t) => {
    const { table, clock, directory, ends, follow } = openTable()
    const [one, other] = [table.add({ user: clown }), table.add({ user: clown })]
    follow(one)
    const stop = follow(other)
    directory.change({ ...clown, role: 'viewer' })
    t.notOk(table.use(one))
    t.same(ends, [])
    stop()
    table.remove(other)
    t.same(ends, [])
    table.remove(one)
    t.same(ends, ['signed-out'])
    directory.change(clown)
    const third = table.add({ user: clown })
    follow(third)
    directory.change()
    clock.step(12 * hour)
    t.same(ends, ['signed-out', 'expired'])
  },
)

t.test('a secret that is followed is in use, and expires on time', async (t) => {
  const { table, clock, ends, follow } = openTable()
  const secret = table.add({ user: clown })
  follow(secret)
  clock.step(12 * hour - 1)
  t.same(table.use(secret)?.user, clown)
  t.same(ends, [])
  clock.step(1)
  t.same(ends, ['expired'])
  follow(secret)
  t.same(ends, ['expired', 'signed-out'])
})

t.test('once nobody follows it, a secret is idle', async (t) => {
  const { table, clock, ends, follow } = openTable()
  const secret = table.add({ user: clown })
  const [one, other] = [follow(secret), follow(secret)]
  clock.step(5 * hour)
  one()
  clock.step(3 * hour)
  t.ok(table.use(secret))
  other()
  clock.step(2 * hour - 1)
  t.ok(table.use(secret))
  clock.step(2 * hour)
  t.notOk(table.use(secret))
  follow(secret)
  t.same(ends, ['expired'])
})

t.test('a life that is longer than a timer of Node.js ends on time, too', async (t) => {
  const { table, clock, ends, follow } = openTable(30 * day)
  follow(table.add({ user: clown }))
  clock.step(30 * day - 1)
  t.same(ends, [])
  clock.step(1)
  t.same(ends, ['expired'])
})
