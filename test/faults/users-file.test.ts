import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { readUsersFile } from '../../src/access/users-file.ts'
import { someHash, writePrivate } from '../access/users.ts'
import { atLength } from '../full-length.ts'
import { testFolder } from '../test-folder.ts'

const loader = import.meta.resolve('../loader/register.mjs')
const program = fileURLToPath(new URL('./users-writer-main.ts', import.meta.url))
const kills = atLength(50, 12)
/** Starting a process takes longer than what it is to be killed in. */
const atOnce = 4
/** Many writes take about this long. */
const maxDelayMs = 30

// Long enough that a write is not one block of a disk.
const comments = '# Nobody may lose a line of this.\n'.repeat(100)
const textWith = (hash: string) =>
  `${comments}users:\n  admin:\n    role: admin\n    password: ${hash}\n`

const oldText = textWith(someHash)
const newText = textWith(someHash.replace(/A$/, 'B'))

/** Kills a writer at a random moment of its work; answers how it ended. */
async function killWriter(t: Test, path: string): Promise<string | null> {
  const writer = fork(program, [path, oldText, newText], { execArgv: ['--import', loader] })
  const ended = once(writer, 'exit')
  t.teardown(async () => {
    writer.kill('SIGKILL')
    await ended
  })
  await Promise.race([once(writer, 'message'), ended])
  await setTimeout(Math.random() * maxDelayMs)
  writer.kill('SIGKILL')
  return (await ended)[1]
}

t.test(
  'F2: a users file is the old one or the new one, whenever its writer is killed',
  async (t) => {
    t.setTimeout(180_000)
    const folder = testFolder(t)
    const found = new Map<string, number>()
    const killAgainAndAgain = async (name: string) => {
      const path = join(folder, name)
      writePrivate(path, oldText)
      for (let kill = 0; kill < kills / atOnce; kill++) {
        t.equal(await killWriter(t, path), 'SIGKILL')
        const text = readFileSync(path, 'utf8')
        const name = text === oldText ? 'old' : text === newText ? 'new' : text
        found.set(name, (found.get(name) ?? 0) + 1)
        t.equal(readUsersFile(path).length, 1)
      }
    }
    await Promise.all(
      Array.from({ length: atOnce }, (_, index) => killAgainAndAgain(`${index}.yaml`)),
    )
    const interrupted = readdirSync(folder).length - atOnce
    t.same([...found.keys()].sort(), ['new', 'old'])
    t.ok(interrupted > 0, 'some were killed in the middle of a write')
    t.comment(`found ${JSON.stringify([...found])}; ${interrupted} of the writes were interrupted`)
  },
)
