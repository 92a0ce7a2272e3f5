import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import {
  type MqttEnd,
  mqttTo,
  type StartedHub,
  startedHub,
  type TalkClient,
} from '../started-hub.ts'

export type Upstreams = NonNullable<ConfigInput['upstreams']>

export interface DialledHub {
  readonly hub: StartedHub
  /** Hears how upstreams are, and what their devices report. */
  readonly ears: MqttEnd
  /** The next status of an upstream that `fits`. */
  status(fits: (status: Status) => boolean): Promise<Status>
}

export interface Status {
  readonly name: string
  readonly state: string
  readonly reason?: string
  readonly nextTry?: string
  readonly devices: number
}

/** A file with a password that nobody else may read. */
export function secretFile(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'upstream-')), 'secret.txt')
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  return path
}

/** A hub that dials `upstreams`. */
export async function startedDialling(t: Test, upstreams: Upstreams): Promise<DialledHub> {
  const hub = await startedHub(t, { upstreams })
  const filter = ['$SYS/hub/upstreams/#', 'upstreams/#', '$SYS/hub/nodes/upstreams/#']
  const ears = await mqttTo(t, hub, { filter })
  const status = async (fits: (status: Status) => boolean) => {
    const { payload } = await ears.messages.next(
      ({ topic, payload }) => topic.startsWith('$SYS/hub/upstreams/') && fits(read(payload)),
    )
    return read(payload)
  }
  return { hub, ears, status }
}

function read(payload: Buffer): Status {
  return JSON.parse(String(payload))
}

/** All that becomes of a command. */
export async function outcome(
  talk: TalkClient,
  topic: string,
  payload: unknown,
): Promise<string[]> {
  const id = Math.random().toString()
  talk.send(`${topic}/set`, payload, { id })
  const names: string[] = []
  for (;;) {
    const [, value] = await talk.frames.next(([, , options]) => options?.['id'] === id)
    const receipt = JSON.parse(JSON.stringify(value))
    names.push(receipt.receipt)
    if (receipt.final === true) return [...names, ...(receipt.message ? [receipt.message] : [])]
  }
}
