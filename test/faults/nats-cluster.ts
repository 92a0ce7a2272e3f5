/**
 * Three NATS servers that are one cluster, each in a network namespace of its own: clients come to each by a wire of
 * theirs, and the servers to each other by a bridge, from which one can be cut off while its clients still reach it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import type { Test } from 'tap'
import { installed, type StartedBroker, startProgram } from '../programs.ts'

export interface ClusterServer {
  readonly url: string
  /** Cuts it off from the other servers, not from its clients. */
  cut(): void
  mend(): void
  kill(): void
  start(): Promise<void>
}

const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' })

const numbers = [1, 2, 3] as const

/** A test that was killed has left its networks, with the addresses that this one needs, and servers that run in them. */
function removeLeftOvers(): void {
  const isLeft = (processId = '') => !existsSync(`/proc/${processId}`)
  for (const [link, processId] of `${ip('-o', 'link')}`.matchAll(
    /\bc[bcw](\d+)(?:-\d)?(?=[@:])/g,
  )) {
    if (isLeft(processId)) ip('link', 'delete', link)
  }
  for (const [space, processId] of `${ip('netns', 'list')}`.matchAll(/^clown-(\d+)-\d/gm)) {
    if (!isLeft(processId)) continue
    for (const [each] of `${ip('netns', 'pids', space)}`.matchAll(/\d+/g)) {
      process.kill(Number(each), 'SIGKILL')
    }
    ip('netns', 'delete', space)
  }
}

/** Clients reach server n at 10.231.n.2, and servers each other at 10.232.0.n. */
export async function startNatsCluster(t: Test): Promise<ClusterServer[]> {
  removeLeftOvers()
  const bridge = `cb${process.pid}`
  ip('link', 'add', bridge, 'type', 'bridge')
  t.teardown(() => ip('link', 'delete', bridge))
  ip('link', 'set', bridge, 'up')
  const folder = await mkdtemp(join(tmpdir(), 'nats-cluster-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const servers = numbers.map((number) => serverIn(t, { number, bridge, folder }))
  await Promise.all(servers.map((server) => server.start()))
  for (const { url } of servers) await letIn(url)
  return servers
}

/** They let nobody in before they have elected who leads, and close the door until then. */
async function letIn(url: string): Promise<void> {
  for (;;) {
    const client = await connectAsync(url, { reconnectPeriod: 200 }).catch(() => undefined)
    if (client !== undefined) return client.endAsync()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

interface Site {
  readonly number: number
  readonly bridge: string
  readonly folder: string
}

function serverIn(t: Test, { number, bridge, folder }: Site): ClusterServer {
  const space = `clown-${process.pid}-${number}`
  const [near, wire] = [`cc${process.pid}-${number}`, `cw${process.pid}-${number}`]
  ip('netns', 'add', space)
  t.teardown(() => ip('netns', 'delete', space))
  const within = (...words: string[]) => ip('-n', space, ...words)
  within('link', 'set', 'lo', 'up')
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', 'clients', 'netns', space)
  ip('address', 'add', `10.231.${number}.1/24`, 'dev', near)
  ip('link', 'set', near, 'up')
  within('address', 'add', `10.231.${number}.2/24`, 'dev', 'clients')
  within('link', 'set', 'clients', 'up')
  ip('link', 'add', wire, 'type', 'veth', 'peer', 'name', 'servers', 'netns', space)
  ip('link', 'set', wire, 'master', bridge, 'up')
  within('address', 'add', `10.232.0.${number}/24`, 'dev', 'servers')
  within('link', 'set', 'servers', 'up')
  const configFile = join(folder, `${number}.conf`)
  const lines = [
    `server_name: s${number}`,
    'listen: 127.0.0.1:4222',
    `jetstream { store_dir: ${JSON.stringify(join(folder, `${number}`))} }`,
    `mqtt { host: 10.231.${number}.2, port: 1883 }`,
    'cluster {',
    '  name: clown',
    `  listen: 10.232.0.${number}:6222`,
    `  routes: [${numbers.map((each) => `nats://10.232.0.${each}:6222`).join(', ')}]`,
    '}',
  ]
  let running: Pick<StartedBroker, 'signal'> | undefined
  return {
    url: `mqtt://10.231.${number}.2:1883`,
    cut: () => ip('link', 'set', wire, 'down'),
    mend: () => ip('link', 'set', wire, 'up'),
    kill: () => running?.signal('SIGKILL'),
    start: async () => {
      await writeFile(configFile, `${lines.join('\n')}\n`)
      const command = ['netns', 'exec', space, installed('nats-server'), '-c', configFile]
      running = await startProgram(t, [installed('ip'), ...command], /Server is ready/)
    },
  }
}
