import { readdir } from 'node:fs/promises'

/**
 * Loads the tests beside the file at `url`, which is the only one of its folder that the test runner starts:
 * a process for each file would spend most of its time on starting.
 */
export async function loadFolder(url: string): Promise<void> {
  const folder = new URL('./', url)
  const names = await readdir(folder)
  const files = names.filter((name) => name.endsWith('.test.ts')).sort()
  for (const name of files) {
    const file = new URL(name, folder).href
    if (file !== url) await import(file)
  }
}
