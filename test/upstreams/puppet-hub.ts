import type { AlarmClock } from '../../src/core/clock.ts'
import { HubError } from '../../src/core/errors.ts'
import type { DevicePlace, ProfileHub } from '../../src/nodes/profiles/profile.ts'
import { FarDevices } from '../../src/upstreams/upstream.ts'
import { createInbox } from '../inbox.ts'

/** What a hub is told of devices; it has no room for those called `full`. */
export function puppetHub(clock: AlarmClock, known: readonly DevicePlace[] = []) {
  const told: unknown[][] = []
  const inbox = createInbox<unknown[]>()
  const tell =
    (what: string) =>
    (...about: unknown[]) => {
      told.push([what, ...about])
      inbox.put([what, ...about])
    }
  const hub: ProfileHub = {
    clock,
    known,
    listen: tell('listen'),
    claim: tell('claim'),
    release: tell('release'),
    device: (id, facts) => {
      if (id === 'full') throw new HubError('too-many', 'expected less')
      tell('device')(id, facts)
    },
    forget: tell('forget'),
    report: tell('report'),
    available: tell('available'),
    refuse: tell('refuse'),
    accept: tell('accept'),
    observe: tell('observe'),
    send: tell('send'),
    leaveOut: tell('leaveOut'),
  }
  /** The next of `what` about a device, or the next that says `value`. */
  const next = async (what: string, id?: string, value?: unknown) => {
    const text = JSON.stringify(value)
    const [, , about] = await inbox.next(
      ([each, of, said]) =>
        each === what &&
        (id === undefined || of === id) &&
        (text === undefined || JSON.stringify(said) === text),
    )
    return about
  }
  return { hub, told, devices: new FarDevices(hub), next }
}
