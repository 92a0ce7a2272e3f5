import { createHash } from 'node:crypto'
import { HubError } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { migrations } from './format.ts'
import { type Entry, formatKey, type Store } from './store.ts'

/** Of the file itself; that of the store within goes with it. */
const version = 1

/**
 * The lines of a backup: what it is, `[key, value in base64]` of each value as they all were at one
 * time, and last how many and their SHA-256, by which a file that was cut off is told from a whole one.
 */
export async function* backupLines(store: Pick<Store, 'get' | 'entries'>): AsyncGenerator<string> {
  const hash = createHash('sha256')
  const hashed = (value: unknown) => {
    const line = lineOf(value)
    hash.update(line)
    return line
  }
  yield hashed({ clownHubBackup: version, format: Number(await store.get(formatKey)) })
  let values = 0
  for await (const [key, value] of store.entries('')) {
    values += 1
    yield hashed([key, value.toString('base64')])
  }
  yield lineOf({ values, sha256: hash.digest('hex') })
}

/** JSON that has no line end within, not even one that only some readers take for one. */
function lineOf(value: unknown): string {
  const text = JSON.stringify(value).replace(/[\u2028\u2029]/g, (end) =>
    end === '\u2028' ? '\\u2028' : '\\u2029',
  )
  return `${text}\n`
}

/**
 * What is in a backup, its format first. Whoever takes it has to be able to leave it again: that it is
 * damaged may be found at its end alone.
 *
 * @throws HubError `unreadable-file`
 */
export async function* readBackup(lines: AsyncIterable<string>): AsyncGenerator<Entry> {
  const hash = createHash('sha256')
  let before: string | undefined
  let values = -1
  for await (const line of lines) {
    if (before !== undefined) {
      yield values < 0 ? headIn(before) : entryIn(before)
      hash.update(`${before}\n`)
      values += 1
    }
    before = line
  }
  const end = parseJson(before ?? '')
  const isWhole = isRecord(end) && end['values'] === values && end['sha256'] === hash.digest('hex')
  if (!isWhole) throw unreadable('a whole one, got one that is damaged or cut off')
}

function headIn(line: string): Entry {
  const head = parseJson(line)
  if (!isRecord(head) || !('clownHubBackup' in head)) throw unreadable('one, got something else')
  const format = Number(head['format'])
  const isKnown = head['clownHubBackup'] === version && format <= migrations.length + 1
  if (isKnown) return [formatKey, Buffer.from(String(format))]
  throw unreadable('one of this version or an older one, got one that a newer Clown.Hub wrote')
}

function entryIn(line: string): Entry {
  const entry = parseJson(line)
  const [key, value] = Array.isArray(entry) ? entry : []
  if (typeof key === 'string' && typeof value === 'string') {
    return [key, Buffer.from(value, 'base64')]
  }
  throw unreadable('a whole one, got one that is damaged')
}

function unreadable(rest: string): HubError {
  return new HubError('unreadable-file', `expected the backup to be ${rest}`)
}
