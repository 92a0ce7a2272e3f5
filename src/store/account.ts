/** Whether all that was written is still there: a record of it goes with each batch, and is compared at the next start. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HubError } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { accountedFormat, migrations } from './format.ts'
import {
  accountKey,
  afterPrefix,
  type Changes,
  type Engine,
  formatKey,
  isOwn,
  isUncounted,
  uncounted,
} from './store.ts'
import { cannotOpen, repairRemedy } from './store-errors.ts'

/** A store's own record of what it has. */
interface Account {
  /** How many batches were written before, and with this one. */
  readonly batch: number
  /** How many keys of each kind there are: kinds are what keys begin with. */
  readonly keys: Readonly<Record<string, number>>
}

/** An engine of which is known what it has. */
export interface CountedEngine extends Pick<Engine, 'get'> {
  /** The keys from `gte` on, and before `lt` if there is one, in their order, some at a time. */
  keys(range: KeyRange): AsyncIterable<readonly string[]>
}

interface KeyRange {
  readonly gte: string
  readonly lt?: string
}

/** Keeps the account of a store. */
export interface Accounting {
  /** Returns an `apply` that writes the account with each batch. */
  keeping(apply: Engine['apply']): Engine['apply']
  /** Marks how far the store goes; to be called when it is closed. */
  close(): Promise<void>
}

/** All keys but those. */
function countedRanges(): KeyRange[] {
  const starts = ['', ...uncounted.map(afterPrefix)]
  return starts.map((gte, at) => ({ gte, ...(uncounted[at] && { lt: uncounted[at] }) }))
}

/**
 * Counts what is in the store in `path`, and compares it with the account that was written last.
 *
 * @throws HubError `cannot-open-store` when something is gone; `cannot-read-store`
 */
export async function openAccounting(engine: CountedEngine, path: string): Promise<Accounting> {
  const found = await countKeys(engine)
  const written = await readAccount(engine)
  const missing = await missingIn({ engine, path, found, written })
  if (missing !== undefined) {
    const sentence = `expected the store ${JSON.stringify(path)} to have all that was written: ${missing}`
    throw new HubError('cannot-open-store', `${sentence}; ${repairRemedy}`)
  }
  return accounting(found, { path, batch: written?.batch ?? 0 })
}

/**
 * Takes what is in the store in `path` for all there is, and returns what is missing of what was written, in words.
 */
export async function settleAccount(
  engine: CountedEngine & Pick<Engine, 'apply'>,
  path: string,
): Promise<string | undefined> {
  const found = await countKeys(engine)
  const written = await readAccount(engine)
  const missing = await missingIn({ engine, path, found, written })
  rmSync(join(path, markName), { force: true })
  await accounting(found, { path, batch: written?.batch ?? 0 }).keeping(engine.apply)(new Map())
  return missing
}

interface Found {
  readonly keys: Set<string>
  readonly counts: Map<string, number>
}

async function countKeys(engine: CountedEngine): Promise<Found> {
  const found: Found = { keys: new Set(), counts: new Map() }
  for (const range of countedRanges()) {
    for await (const some of engine.keys(range)) {
      for (const key of some) if (!isOwn(key)) count(found, key, 1)
    }
  }
  return found
}

function count({ keys, counts }: Found, key: string, step: 1 | -1): void {
  if (step === 1) keys.add(key)
  else keys.delete(key)
  const kind = kindOf(key)
  const sum = (counts.get(kind) ?? 0) + step
  if (sum === 0) counts.delete(kind)
  else counts.set(kind, sum)
}

function kindOf(key: string): string {
  const end = key.indexOf('/')
  return end === -1 ? key : key.slice(0, end)
}

async function readAccount(engine: Pick<Engine, 'get'>): Promise<Account | undefined> {
  const account = parseJson((await engine.get(accountKey)) ?? '')
  return isAccount(account) ? account : undefined
}

function isAccount(value: unknown): value is Account {
  return isRecord(value) && typeof value['batch'] === 'number' && isRecord(value['keys'])
}

interface Comparison {
  readonly engine: CountedEngine
  readonly path: string
  readonly found: Found
  readonly written: Account | undefined
}

/** What the store lacks, in words. What earlier releases wrote has no account: nobody can tell. */
async function missingIn({ engine, path, found, written }: Comparison) {
  const format = await engine.get(formatKey)
  const reached = readMark(path).batch
  const isAccounted = format !== undefined && isFormatAccounted(Number(format))
  if (written === undefined) {
    return reached > 0 || isAccounted ? 'the record of what it has is gone' : undefined
  }
  if (written.batch < reached) {
    return `it went up to batch ${reached}, and ends with ${written.batch}`
  }
  const differences = differencesOf(written.keys, found.counts)
  return differences.length === 0 ? undefined : differences.join(', ')
}

/** A newer version may count in another way; its stores are refused for that. */
function isFormatAccounted(format: number): boolean {
  return format >= accountedFormat && format <= migrations.length + 1
}

/** Which kinds have not as many keys as were written. */
function differencesOf(written: Account['keys'], counts: ReadonlyMap<string, number>): string[] {
  const kinds = new Set([...Object.keys(written), ...counts.keys()])
  return [...kinds].sort().flatMap((kind) => {
    const [expected, got] = [written[kind] ?? 0, counts.get(kind) ?? 0]
    return expected === got ? [] : [`${expected} keys of ${JSON.stringify(kind)}, got ${got}`]
  })
}

// --- how far it goes ---

/**
 * How far a store goes for sure, in a file beside LevelDB's: a log that was cut off, and an old list of tables, are
 * whole in themselves.
 */
interface Mark {
  readonly batch: number
  /** The bytes that its logs and its list of tables had. */
  readonly files: Readonly<Record<string, number>>
}

const markName = 'WRITTEN'

/** How much may be written, and for how long, before there is another mark. */
const markBytes = 65_536
const markEveryMs = 1000

/**
 * Looks at a store that is not open yet: once LevelDB has taken an old list of tables for the latest one, it writes
 * over what it does not know of.
 *
 * @throws HubError `cannot-open-store` when a file is shorter than it was.
 */
export function checkMark(path: string): void {
  const sizes = sizesIn(path)
  for (const [name, bytes] of Object.entries(readMark(path).files)) {
    const size = sizes[name]
    const isLog = name.endsWith('.log')
    if (size === undefined ? isLog || hasNewerList(name, sizes) : size >= bytes) continue
    const reason = `Corruption: ${name} had ${bytes} bytes, and has ${size ?? 'none'}`
    throw cannotOpen(path, new Error(reason))
  }
}

/** Whether a hub of a release that marks has had the store in `path`. */
export function isMarked(path: string): boolean {
  return existsSync(join(path, markName))
}

/** Each start makes another list of tables, of a higher number. */
function hasNewerList(name: string, sizes: Mark['files']): boolean {
  return Object.keys(sizes).some((other) => /^MANIFEST/.test(other) && other > name)
}

function sizesIn(path: string): Record<string, number> {
  const names = readdirSync(path).filter((name) => /^MANIFEST-\d+$|^\d+\.log$/.test(name))
  const sizes = names.map((name) => [name, statSync(join(path, name)).size])
  return Object.fromEntries(sizes)
}

/** What nobody has marked begins with nothing. */
function readMark(path: string): Mark {
  try {
    const mark = parseJson(readFileSync(join(path, markName)))
    return isMark(mark) ? mark : noMark
  } catch {
    return noMark
  }
}

const noMark: Mark = { batch: 0, files: {} }

function isMark(value: unknown): value is Mark {
  return isRecord(value) && typeof value['batch'] === 'number' && isRecord(value['files'])
}

async function writeMark(path: string, mark: Mark): Promise<void> {
  const name = join(path, markName)
  await writeFile(`${name}.tmp`, `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true })
  await rename(`${name}.tmp`, name)
}

interface Start {
  readonly path: string
  readonly batch: number
}

function accounting(found: Found, start: Start): Accounting {
  const marker = createMarker(start)
  let { batch } = start
  return {
    keeping: (apply) => async (changes) => {
      const steps = stepsOf(changes, found.keys)
      const after = new Map(found.counts)
      for (const [key, step] of steps) {
        after.set(kindOf(key), (after.get(kindOf(key)) ?? 0) + step)
      }
      const account: Account = { batch: batch + 1, keys: Object.fromEntries(after) }
      changes.set(accountKey, Buffer.from(JSON.stringify(account)))
      await apply(changes)
      batch += 1
      for (const [key, step] of steps) count(found, key, step)
      marker.reached(batch, changes)
    },
    close: marker.close,
  }
}

/** Which keys come and go. */
function stepsOf(changes: Changes, keys: ReadonlySet<string>): [key: string, step: 1 | -1][] {
  const steps: [string, 1 | -1][] = []
  for (const [key, value] of changes) {
    if (isOwn(key) || isUncounted(key)) continue
    const isThere = keys.has(key)
    if (isThere && value === undefined) steps.push([key, -1])
    else if (!isThere && value !== undefined) steps.push([key, 1])
  }
  return steps
}

/** Marks how far a store goes, now and then. */
function createMarker({ path, batch }: Start) {
  let [reached, marked] = [batch, batch]
  let bytes = 0
  let dueAtMs = 0
  /** As they were a while ago: what LevelDB is writing just now may be lost in a power cut. */
  let files: Mark['files'] = {}
  let writing: Promise<void> | undefined
  const write = async () => {
    const mark = { batch: reached, files }
    bytes = 0
    dueAtMs = performance.now() + markEveryMs
    try {
      files = sizesIn(path)
      await writeMark(path, mark)
      marked = mark.batch
    } catch {
      // The mark from before says less, and nothing wrong.
    }
    writing = undefined
  }
  return {
    reached: (batch: number, changes: Changes) => {
      reached = batch
      for (const value of changes.values()) bytes += value?.length ?? 0
      if (bytes > markBytes && performance.now() > dueAtMs) writing ??= write()
    },
    close: async () => {
      await writing
      if (marked === reached) return
      // What is closed stays as it is, and is marked as it is: the first call has only looked.
      await write()
      await write()
    },
  }
}
