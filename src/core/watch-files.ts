import { statSync } from 'node:fs'
import { reasonOf } from './errors.ts'

/** A look costs microseconds, and what changes is to count within a second. */
const pollMs = 250

/**
 * Calls `changed` when one of `files` has become another: written anew, replaced, removed, given
 * other rights. Looks again and again, since the system's own watching misses what lies behind the
 * links with which certbot and Kubernetes replace files. Answers what ends the watch.
 */
export function watchFiles(
  files: readonly string[],
  changed: () => void,
  intervalMs = pollMs,
): () => void {
  let seen = signatureOf(files)
  const timer = setInterval(() => {
    const now = signatureOf(files)
    if (now === seen) return
    seen = now
    changed()
  }, intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whatever is done to a file, its change time moves; a file in its place has another number. */
function signatureOf(files: readonly string[]): string {
  const signatures = files.map((file) => {
    try {
      const { dev, ino, size, ctimeNs } = statSync(file, { bigint: true })
      return [dev, ino, size, ctimeNs].join(':')
    } catch (error) {
      return reasonOf(error)
    }
  })
  return signatures.join()
}
