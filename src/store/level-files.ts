/** The files of a LevelDB, as far as it takes more than LevelDB to keep them. */
import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { syncFolder } from '../core/files.ts'

/** Where a data folder has its LevelDB. */
export function storePath(folder: string): string {
  return join(folder, 'store')
}

/** What LevelDB calls its files. */
export const levelFile = /^(CURRENT|LOCK|MANIFEST-\d+|\d+\.(ldb|sst|log))$/

/** LevelDB takes a folder that has lost its file CURRENT for a new one, and removes what is in it. */
export function hasValues(path: string): boolean {
  return readdirSync(path).some((name) => /^\d+\.(ldb|sst|log)$/.test(name))
}

/** What is beside a store while nobody knows yet whether all of it is there. */
export interface KeptAside {
  /** All is there: nothing is kept any more. */
  drop(): void
  /** Makes the store what it was before it was opened. */
  putBack(): void
}

/**
 * Keeps the files of the store in `path` as they are, by hard links: when LevelDB has lost the list of its tables, or a
 * part of it, it removes those that it does not know, which could still be repaired. What an opening that was cut off
 * has kept is put back first. A file system without hard links keeps nothing.
 */
export function keepAside(path: string): KeptAside {
  const aside = `${path}-before`
  const unfinished = `${aside}.tmp`
  const drop = () => {
    if (!existsSync(aside)) return
    // At once: what is half removed must not be put back.
    renameSync(aside, unfinished)
    syncFolder(dirname(path))
    rmSync(unfinished, { recursive: true, force: true })
  }
  const putBack = () => {
    if (!existsSync(aside)) return
    const before = new Set(readdirSync(aside))
    for (const name of namesToKeep(path)) if (!before.has(name)) rmSync(join(path, name))
    for (const name of before) linkAgain(join(aside, name), join(path, name))
    syncFolder(path)
    drop()
  }
  putBack()
  rmSync(unfinished, { recursive: true, force: true })
  try {
    mkdirSync(unfinished, { mode: 0o700 })
    for (const name of namesToKeep(path)) linkSync(join(path, name), join(unfinished, name))
    renameSync(unfinished, aside)
  } catch {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return { drop, putBack }
}

/** LevelDB writes all of them once, and another one in their place later. */
function namesToKeep(path: string): string[] {
  return readdirSync(path).filter((name) => levelFile.test(name) && name !== 'LOCK')
}

function linkAgain(from: string, to: string): void {
  if (statSync(to, { throwIfNoEntry: false })?.ino === statSync(from).ino) return
  rmSync(to, { force: true })
  linkSync(from, to)
}

/** The last bytes of each table. */
const tableEnd = Buffer.from('57fb808b247547db', 'hex')

/** The tables in `path`. */
export function tablesIn(path: string): string[] {
  return readdirSync(path)
    .filter((name) => /\.(ldb|sst)$/.test(name))
    .map((name) => join(path, name))
}

/**
 * Which of the tables that were there before LevelDB was opened is cut off or written over; undefined when none is.
 * What a crash has left unfinished, LevelDB has removed by now; what it writes now was not there.
 */
export function brokenTable(tables: readonly string[]): string | undefined {
  return tables.find((table) => existsSync(table) && !endsAsTable(table))
}

function endsAsTable(table: string): boolean {
  const file = openSync(table, 'r')
  try {
    const end = Buffer.alloc(tableEnd.length)
    readSync(file, end, 0, end.length, Math.max(0, fstatSync(file).size - end.length))
    return end.equals(tableEnd)
  } finally {
    closeSync(file)
  }
}
