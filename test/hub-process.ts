import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { ConfigInput } from '../src/config.ts'
import { everybody } from './started-hub.ts'

/** What counts coverage has to see the code of every process alike. */
const loader = new URL('./loader/register.mjs', import.meta.url).href

const program = fileURLToPath(new URL('./hub-process-main.ts', import.meta.url))

/** How a hub in a process of its own is doing. */
export interface HubReport {
  /** What is resident when all garbage is gone. */
  readonly residentBytes: number
  /** What objects and buffers hold then, without the room the runtime keeps for more of them. */
  readonly usedBytes: number
  /** The most that was resident since the last report, garbage included. */
  readonly peakBytes: number
  /** The longest the event loop was late since the last report, in milliseconds. */
  readonly latestMs: number
  readonly counters: Record<string, number>
}

export interface HubProcess {
  readonly httpPort: number
  readonly mqttPort: number
  readonly processId: number
  /** These two throw when the process has ended, and must not be asked at the same time. */
  report(): Promise<HubReport>
  counters(): Promise<Record<string, number>>
  /** Resolves when nothing of it is left. */
  kill(): Promise<void>
}

/** A hub on free loopback ports, in a process of its own so that its memory can be told from ours. */
export async function hubProcess(t: Test, config: Partial<ConfigInput> = {}): Promise<HubProcess> {
  const input: ConfigInput = {
    http: { port: 0 },
    ...(config.bus === undefined && { mqtt: { port: 0 } }),
    users: everybody,
    log: { level: 'error' },
    ...config,
  }
  const execArgv = ['--import', loader, '--expose-gc']
  const child = fork(program, [JSON.stringify(input)], { execArgv })
  const ended = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  const died = ended.then(([code]) => {
    throw new Error(`expected the hub's process to run, got its end with code ${code}`)
  })
  // Only whoever waits for an answer meets it.
  died.catch(() => {})
  const ask = async (question?: string) => {
    const answer = once(child, 'message')
    if (question !== undefined && child.connected) child.send(question)
    return (await Promise.race([answer, died]))[0]
  }
  const ports = await ask()
  return {
    ...ports,
    processId: child.pid ?? 0,
    report: () => ask('report'),
    counters: () => ask('counters'),
    kill,
  }
}
