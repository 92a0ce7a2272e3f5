/** From a finger on a switch to what the device says: docs/commands.md. */
import { hubTime } from '../clock.ts'
import { command, LinkLostError } from '../link.ts'
import { type Asked, type Device, refreshSoon } from './house.ts'
import { switchPayload } from './switching.ts'

/** How long a word about a command that was not sent stays on a tile. */
const outcomeMs = 15_000

/** Asks a device to be on or off. What it is changes when it says so, and not before. */
export function switchDevice(device: Device, wanted: boolean): Promise<void> {
  return commandDevice(device, switchPayload(wanted, device.state.peek().value, device.kind))
}

export async function commandDevice(device: Device, payload: unknown): Promise<void> {
  const asked: Asked = { payload, sinceMs: hubTime(), by: 'me' }
  device.asked.value = asked
  device.outcome.value = undefined
  const end = (receipt: string, code?: string, message?: string) => {
    // A later command of ours has taken its place on the tile, too.
    if (device.asked.peek() !== asked) return
    device.asked.value = undefined
    tellOutcome(device, receipt, { code, message })
  }
  try {
    const { receipt, code, message } = await command(device.topic, payload, (progress) => {
      if (progress.receipt === 'confirmed-late') device.outcome.value = undefined
    })
    end(receipt, code, message)
    if (receipt === 'refused' || receipt === 'node-offline') refreshSoon(0)
  } catch (error) {
    if (!(error instanceof LinkLostError)) throw error
    end('unknown')
  }
}

/** Receipts that the device's own report says better. */
const silent = ['confirmed', 'superseded']

function tellOutcome(
  device: Device,
  receipt: string,
  { code, message }: { code: string | undefined; message: string | undefined },
): void {
  if (silent.includes(receipt)) return
  const outcome = { receipt, code, message }
  device.outcome.value = outcome
  // That the device did not do as it was told stays until it is told anew, or does.
  if (receipt === 'timed-out' || receipt === 'mismatch' || receipt === 'unknown') return
  setTimeout(() => {
    if (device.outcome.peek() === outcome) device.outcome.value = undefined
  }, outcomeMs)
}
