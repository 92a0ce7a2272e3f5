import type { Logger } from 'pino'
import { HubError, quote } from '../../core/errors.ts'
import { fieldOf } from '../../core/json.ts'
import type { Counters } from '../../core/sampled-log.ts'
import { switchOf } from '../switch-state.ts'
import type { GuardParts, Proof } from './device-rules.ts'

export interface WitnessParts extends Pick<GuardParts, 'rules' | 'lastValueOf' | 'after'> {
  readonly log: Pick<Logger, 'warn'>
  readonly counters: Pick<Counters, 'count'>
  /** A device says something else than its witness, and has for as long as its rule lets it. */
  onContradiction(device: string, error: HubError): void
}

/** What is known of a device with a witness. */
interface Watched {
  readonly proof: Proof
  isOn: boolean | undefined
  reading: number | undefined
  stop: (() => void) | undefined
  /** Whether it was told, and nothing has agreed since. */
  isTold: boolean
}

/** So many devices are watched, and those that were watched first are forgotten. */
const maxDevices = 1000

/** Confirmed is the word of the device; whether it is true, its witness knows: a welded relay reports that it is off. */
export function createWitnesses(parts: WitnessParts) {
  const { rules, lastValueOf, after, onContradiction, log, counters } = parts
  const watched = new Map<string, Watched>()
  const tell = (device: string, { proof, isOn, reading }: Watched) => {
    const error = contradiction(device, { proof, isOn, reading })
    counters.count(error.code)
    log.warn(
      { event: error.code, kind: error.code, device, witness: proof.topic, reading },
      error.message,
    )
    onContradiction(device, error)
  }
  const judge = (device: string, one: Watched) => {
    if (agrees(one)) {
      one.stop?.()
      one.stop = undefined
      one.isTold = false
      return
    }
    if (one.isTold) return
    one.stop ??= after(one.proof.withinSeconds * 1000, () => {
      one.stop = undefined
      one.isTold = true
      tell(device, one)
    })
  }
  const watch = (device: string, proof: Proof): Watched => {
    const reading = quantityIn(lastValueOf(proof.topic), proof.quantity)
    const one = { proof, isOn: undefined, reading, stop: undefined, isTold: false }
    watched.set(device, one)
    const [first = device] = watched.keys()
    if (watched.size > maxDevices) forget(first)
    return one
  }
  const forget = (device: string) => {
    watched.get(device)?.stop?.()
    watched.delete(device)
  }
  return {
    /** A device has told its state, or a witness what it measures. */
    reported: (topic: string, value: unknown): void => {
      const { proof } = rules(topic)
      if (proof !== undefined) {
        const one = watched.get(topic) ?? watch(topic, proof)
        const state = switchOf(value)
        if (state !== undefined) one.isOn = state === 'on'
        judge(topic, one)
      }
      for (const [device, one] of watched) {
        if (one.proof.topic !== topic) continue
        one.reading = quantityIn(value, one.proof.quantity) ?? one.reading
        judge(device, one)
      }
    },
    close: (): void => {
      for (const device of [...watched.keys()]) forget(device)
    },
  }
}

type Told = Pick<Watched, 'proof' | 'isOn' | 'reading'>

/** Who has said nothing contradicts nobody. */
function agrees({ proof, isOn, reading }: Told): boolean {
  return isOn === undefined || reading === undefined || showsOn(proof, reading) === isOn
}

function showsOn({ above, below }: Proof, reading: number): boolean {
  return (above === undefined || reading > above) && (below === undefined || reading < below)
}

/** A number, or one with its unit. */
function quantityIn(value: unknown, quantity: string): number | undefined {
  const told = fieldOf(value, quantity)
  const number = Array.isArray(told) ? told[0] : told
  return typeof number === 'number' ? number : undefined
}

function contradiction(device: string, { proof, isOn, reading }: Told): HubError {
  const { topic, quantity, above, below } = proof
  const bounds = [
    above === undefined ? [] : `above ${above}`,
    below === undefined ? [] : `below ${below}`,
  ]
  const expected = `${quantity} of ${quote(topic)} ${isOn ? '' : 'not '}${bounds.flat().join(' and ')}`
  const sentence = `expected ${expected} while ${quote(device)} says ${isOn ? 'on' : 'off'}, got ${reading}`
  return new HubError(isOn ? 'without-effect' : 'still-has-power', sentence)
}
