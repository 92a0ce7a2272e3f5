import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { createInbox } from '../inbox.ts'

/** Has each sync of a process fail, or take its time, as strace says it, until that ends; undefined where it may not. */
export async function injectedSyncs(t: Test, pid: number, fault: string) {
  const options = ['-f', '-e', 'trace=fdatasync,fsync', '-e', `inject=fdatasync,fsync:${fault}`]
  const strace = spawn('strace', [...options, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines = createInbox<string>()
  createInterface({ input: strace.stderr }).on('line', lines.put)
  strace.once('error', () => lines.put('no strace'))
  const ended = new Promise((resolve) => strace.once('close', resolve))
  void ended.then(() => lines.put('no strace'))
  const end = async () => {
    // At any other signal it lets a delay go by first.
    strace.kill('SIGKILL')
    await ended
  }
  t.teardown(end)
  const line = await lines.next((text) => /attached|no strace/.test(text))
  return line === 'no strace' ? undefined : { end }
}
