/** Whose the data folder is, also where LevelDB's own lock does not hold: on a network's disk, or when its file was removed. */
import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  constants,
  mkdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { access, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { storePath } from './level-files.ts'
import { cannotOpen } from './store-errors.ts'

/** What is told by the file of who has the folder. */
interface Holder {
  readonly token: string
  readonly pid: number
  /** When the process was started, in ticks since the machine was; another one may have its number by now. */
  readonly started: string
  readonly host: string
  /** Which run of which machine, and whose process numbers. */
  readonly boot: string
  readonly namespace: string
}

export interface FolderLock {
  /**
   * Looks whether the folder is there, may be written and is still this hub's, and answers who wants to know whether it
   * lives. Returns what is wrong. To be called once a second.
   */
  look(): Promise<string | undefined>
  /** Whether what has just been written is where the next hub looks for it. */
  isThere(): boolean
  release(): void
}

export const lockName = 'store-lock'

/** How long a hub has for an answer, which looks once a second. */
const answerMs = 3000
const askEveryMs = 50

/** Those of this process. */
const held = new Set<string>()

/**
 * Takes a data folder, which is made when it is not there.
 *
 * @throws HubError `cannot-open-store` while another hub has it, or when it cannot be written.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, lockName)
  const own: Holder = { token: randomUUID(), ...identity() }
  const text = `${JSON.stringify(own)}\n`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    while (!isMade(path, text)) {
      const before = readText(path)
      if (await isAlive(before, folder)) throw inUse(folder, before)
      if (firstLine(readText(path)) === firstLine(before)) rmSync(path, { force: true })
    }
  } catch (error) {
    throw error instanceof HubError ? error : cannotOpen(storePath(folder), error)
  }
  held.add(own.token)
  return lockOf(folder, own.token, text)
}

/**
 * Does something with a data folder while no hub has it.
 *
 * @throws HubError `cannot-open-store` while one has, or when it cannot be written.
 */
export async function withFolder<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const lock = await lockFolder(folder)
  try {
    return await act()
  } finally {
    lock.release()
  }
}

/** Who this process is to others. */
function identity(): Omit<Holder, 'token'> {
  return {
    pid: process.pid,
    started: startOf(process.pid),
    host: hostname(),
    boot: readText('/proc/sys/kernel/random/boot_id').trim(),
    namespace: String(statOf('/proc/self/ns/pid')?.ino),
  }
}

/** Whether the file was not there, and is now. */
function isMade(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false
    // On a full disk there is a name, and nothing behind it.
    rmSync(path, { force: true })
    throw error
  }
}

async function isAlive(text: string, folder: string): Promise<boolean> {
  const found = holderIn(text)
  const own = identity()
  if (found.pid === own.pid && found.started === own.started && isNear(found, own)) {
    return held.has(found.token)
  }
  if (isNear(found, own) && own.started !== '') return startOf(found.pid) === found.started
  if (found.boot !== own.boot && isLocalDisk(folder)) return false
  return isAnswered(join(folder, lockName))
}

/** Whether both mean the same by the number of a process. */
function isNear(one: Omit<Holder, 'token'>, other: typeof one): boolean {
  return one.host === other.host && one.boot === other.boot && one.namespace === other.namespace
}

/** Of a file that nobody has finished writing, nothing is known. */
function holderIn(text: string): Holder {
  const found = parseJson(firstLine(text))
  const record = isRecord(found) ? found : {}
  const word = (name: string) => String(record[name] ?? '')
  const [token, started, host] = [word('token'), word('started'), word('host')]
  return {
    ...{ token, started, host, pid: Number(record['pid'] ?? 0) },
    ...{ boot: word('boot'), namespace: word('namespace') },
  }
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n', 1)
  return line
}

const question = '?'

/** Asks a hub of which nothing else can be known: it takes away what was added to its file. */
async function isAnswered(path: string): Promise<boolean> {
  appendFileSync(path, question)
  for (let waitedMs = 0; waitedMs < answerMs; waitedMs += askEveryMs) {
    await pause(askEveryMs)
    const now = readText(path)
    // Nothing is there while it is written.
    if (now !== '' && !now.endsWith(question)) return true
  }
  return false
}

function inUse(folder: string, text: string): HubError {
  const { pid, host } = holderIn(text)
  const cause = Object.assign(new Error(`process ${pid} on ${host}`), { code: 'LEVEL_LOCKED' })
  return cannotOpen(storePath(folder), cause)
}

function lockOf(folder: string, token: string, text: string): FolderLock {
  const path = join(folder, lockName)
  const store = storePath(folder)
  let own = statOf(path)
  let storeThen: Stats | undefined
  const isStoreThere = () => {
    const now = statOf(store)
    storeThen ??= now
    return isSame(storeThen, now) && statOf(join(store, 'CURRENT')) !== undefined
  }
  const lookAtFile = async () => {
    const found = await ifThere(readFile(path, 'utf8'))
    if (found === undefined) {
      // Somebody took away what seemed to be of no use; or everything.
      if (isStoreThere() && isMade(path, text)) own = statOf(path)
    } else if (found.startsWith(text)) {
      if (found !== text) await writeFile(path, text)
    } else throw new Error('another hub has taken it')
  }
  return {
    look: async () => {
      try {
        await lookAtFile()
        const all = [join(store, 'CURRENT'), store, folder, path]
        for (const each of all) await access(each, constants.W_OK)
        return isStoreThere() ? undefined : 'the data folder cannot be used: it is another one'
      } catch (error) {
        return `the data folder cannot be used: ${reasonOf(error).replace(/,.*/s, '')}`
      }
    },
    isThere: () => isSame(own, statOf(path)) && isStoreThere(),
    release: () => {
      held.delete(token)
      try {
        if (readText(path).startsWith(text)) rmSync(path, { force: true })
      } catch {
        // The next hub finds out that nobody has it.
      }
    },
  }
}

function isSame(one: Stats | undefined, other: Stats | undefined): boolean {
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev
}

async function ifThere<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** Empty when there is no such file. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return ''
    throw error
  }
}

/** When a process was started; empty where nobody tells. */
function startOf(pid: number): string {
  const text = readText(`/proc/${pid}/stat`)
  // The name of the program may hold anything, also brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [started = ''] = fields.slice(19)
  return started
}

/** NFS, SMB, 9P, FUSE, VirtualBox and Ceph: other machines may have the same folder. */
const remoteKinds = new Set([
  ...[0x6969, 0x517b, 0xff534d42, 0xfe534d42],
  ...[0x01021997, 0x65735546, 0x786f4256, 0x00c36400],
])

/** On a disk of this machine, a hub of before its last start has ended. */
function isLocalDisk(folder: string): boolean {
  return !remoteKinds.has(statfsSync(folder).type >>> 0)
}
