import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import { skipMissing } from '../missing.ts'
import { testFolder } from '../test-folder.ts'

/** A network that has only loopback, on which nobody listens yet. */
export interface LonelyNetwork {
  /** What stands before a command line that is to run there. */
  readonly prefix: readonly string[]
  /** The path of a program that runs `program` there, with the same arguments. */
  wrapped(program: string): string
}

/**
 * A network namespace of its own, gone at teardown: whatever address a program there means, it reaches
 * nobody else. Where none can be made the test says so and skips, or fails in CI, and the answer is
 * undefined: the caller returns.
 */
export async function lonelyNetwork(t: Test): Promise<LonelyNetwork | undefined> {
  const asRoot = process.getuid?.() === 0
  const unshare = ['unshare', '--net', ...(asRoot ? [] : ['--map-root-user'])]
  const stay = 'ip link set lo up && echo up && exec sleep infinity'
  const [command = '', ...args] = [...unshare, 'sh', '-c', stay]
  const holder = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => holder.kill())
  const [said] = await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'close'),
    failed(holder),
  ])
  if (String(said) !== 'up\n') {
    skipMissing(
      t,
      'needs a network namespace: apt-get install iproute2 util-linux, and the right to make one',
    )
    return undefined
  }
  const own = asRoot ? [] : ['--user', '--preserve-credentials']
  const prefix = ['nsenter', '--target', String(holder.pid), '--net', ...own]
  const folder = testFolder(t)
  return {
    prefix,
    wrapped: (program) => {
      const path = `${folder}/wrapped`
      writeFileSync(path, `#!/bin/sh\nexec ${prefix.join(' ')} ${program} "$@"\n`)
      chmodSync(path, 0o755)
      return path
    },
  }
}

/** What a program that is not there ends with. */
async function failed(child: ReturnType<typeof spawn>): Promise<string[]> {
  await once(child, 'error')
  return ['missing']
}
