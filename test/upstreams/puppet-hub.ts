import type { AlarmClock } from '../../src/core/clock.ts'
import { HubError } from '../../src/core/errors.ts'
import type { DevicePlace, ProfileHub } from '../../src/nodes/profiles/profile.ts'
import { FarDevices } from '../../src/upstreams/upstream.ts'

/** What a hub is told of devices; it has no room for those called `full`. */
export function puppetHub(clock: AlarmClock, known: readonly DevicePlace[] = []) {
  const told: unknown[][] = []
  const tell =
    (what: string) =>
    (...about: unknown[]) => {
      told.push([what, ...about])
    }
  const hub: ProfileHub = {
    clock,
    known,
    listen: tell('listen'),
    claim: tell('claim'),
    release: tell('release'),
    device: (id, facts) => {
      if (id === 'full') throw new HubError('too-many', 'expected less')
      told.push(['device', id, facts])
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
  return { hub, told, devices: new FarDevices(hub) }
}
