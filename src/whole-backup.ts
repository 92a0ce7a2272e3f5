/** All of a hub in one file: its configuration, the files that names, its store and its logs; by hand, or each night. */
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { Logger } from 'pino'
import { type Config, pathsToFiles } from './config.ts'
import { every, isoTime } from './core/clock.ts'
import { reasonOf } from './core/errors.ts'
import { readSecretFile, valueIn } from './core/files.ts'
import { pathsOf } from './core/rotated-file.ts'
import type { SampledLog } from './core/sampled-log.ts'
import { nextTimeOfDay } from './core/time-zone.ts'
import { type ArchivedFile, saveArchive } from './store/archive.ts'
import { backupLines } from './store/backup.ts'
import { auditLogsIn } from './store/data-folder.ts'
import type { Store } from './store/store.ts'

interface Whole {
  /** As the hub runs with it. */
  readonly config: Config
  /** Where it was read; undefined for a hub that some program started. */
  readonly configFile: string | undefined
  /** The lines of a backup of the store; undefined for a hub that keeps nothing. */
  readonly storeLines: AsyncIterable<string | Uint8Array> | undefined
}

/** What a backup of all of a hub has. Its store comes first: where it goes has to be empty. */
export async function* filesOf({
  config,
  configFile,
  storeLines,
}: Whole): AsyncGenerator<ArchivedFile> {
  const base = configFile === undefined ? resolve('.') : dirname(resolve(configFile))
  const pathOf = (path: string) => {
    const inside = relative(base, resolve(path))
    const isInside = !inside.startsWith('..') && !isAbsolute(inside)
    return isInside ? inside : resolve(path)
  }
  const folder = config.data.folder ?? ''
  if (storeLines !== undefined) {
    yield { path: pathOf(folder), mode: 0o600, isStore: true, pieces: storeLines }
  }
  const logs = [...(folder === '' ? [] : auditLogsIn(folder)), ...securityLogs(config)]
  const named = [configFile ?? '', ...filesNamedIn(config)]
  for (const file of [...named, ...logs].filter(isThere)) {
    const mode = statSync(file).mode & 0o777
    yield { path: pathOf(file), mode, isStore: false, pieces: createReadStream(file) }
  }
}

/** The paths of the files that a complete configuration names, but for what it keeps, and its backups. */
function filesNamedIn(config: Config): string[] {
  const found = pathsToFiles.filter((path) => path !== 'data.folder' && !path.startsWith('backup.'))
  return [...new Set(found.flatMap((path) => stringsAt(config, path.split('.'))))]
}

function stringsAt(value: unknown, [key, ...rest]: readonly string[]): string[] {
  if (key === undefined) return [String(value)]
  return Object.entries(Object(value))
    .filter(([name]) => key === '*' || key === name)
    .flatMap(([, inner]) => stringsAt(inner, rest))
}

/** That itself is named in the configuration. */
function securityLogs({ log: { securityFile } }: Config): string[] {
  return securityFile === undefined ? [] : pathsOf(securityFile).slice(1)
}

/** Such as a log that nothing was written to. */
function isThere(file: string): boolean {
  return existsSync(file)
}

/** @throws HubError `unreadable-file`, `exposed-secret` */
function passphraseIn(file: string): string {
  return valueIn(readSecretFile('backup.passphraseFile', file))
}

interface NightlyParts {
  readonly log: Logger
  readonly sampledLog: SampledLog
  /** Aborts before the store is closed. */
  readonly ending: AbortSignal
  readonly configFile: string | undefined
  readonly store: Pick<Store, 'get' | 'entries'>
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/**
 * Saves all of a hub once a day, as its configuration says; at once when none was saved since it was due last. What does not
 * work is logged and tried again in an hour. Returns what ends it, and waits for what is being written.
 */
export function openNightlyBackup(config: Config, parts: NightlyParts): () => Promise<void> {
  const { backup } = config
  if (backup === undefined) return async () => {}
  // A hub that cannot open its backups later is to say so now.
  passphraseIn(backup.passphraseFile)
  let running = Promise.resolve()
  let nextTryMs = 0
  const look = () => {
    const nowMs = Date.now()
    const dueMs = nextTimeOfDay(backup.at, config.timeZone, nowMs - dayMs)
    if (nowMs < nextTryMs || latestMs(backup.folder) >= dueMs) return
    nextTryMs = nowMs + hourMs
    running = saveNightly({ ...config, backup }, parts)
  }
  look()
  const end = every(minuteMs, look)
  return () => {
    end()
    return running
  }
}

type WithBackup = Config & { readonly backup: NonNullable<Config['backup']> }

async function saveNightly(config: WithBackup, parts: NightlyParts): Promise<void> {
  const { folder, keep, passphraseFile } = config.backup
  const { log, sampledLog, configFile, ending } = parts
  const minute = isoTime(Date.now()).slice(0, 16).replace(':', '')
  const file = join(folder, `clown-hub-${minute}.backup`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const storeLines = config.data.folder ? backupLines(parts.store) : undefined
    const files = filesOf({ config, configFile, storeLines })
    const count = await saveArchive(file, until(ending, files), passphraseIn(passphraseFile))
    for (const name of namesIn(folder).slice(0, -keep)) rmSync(join(folder, name))
    log.info({ event: 'backup-saved', file, files: count }, 'all of the hub is saved')
  } catch (error) {
    if (ending.aborted) return
    const text = 'all of the hub could not be saved: it is tried again in an hour'
    sampledLog.warn('backups-failed', { file: basename(file), reason: reasonOf(error) }, text)
  }
}

async function* until(ending: AbortSignal, files: AsyncIterable<ArchivedFile>) {
  for await (const file of files) yield { ...file, pieces: piecesUntil(ending, file.pieces) }
}

async function* piecesUntil<T>(ending: AbortSignal, pieces: AsyncIterable<T>) {
  for await (const piece of pieces) {
    ending.throwIfAborted()
    yield piece
  }
}

/** The backups in a folder, the oldest first. */
function namesIn(folder: string): string[] {
  const isOurs = (name: string) => /^clown-hub-\d{4}-\d\d-\d\dT\d{4}\.backup$/.test(name)
  return existsSync(folder) ? readdirSync(folder).filter(isOurs).sort() : []
}

/** When the latest backup was written; 0 without one. */
function latestMs(folder: string): number {
  const latest = namesIn(folder).at(-1)
  return latest === undefined ? 0 : statSync(join(folder, latest)).mtimeMs
}
