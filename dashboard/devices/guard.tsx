/** What operators keep a device from: being commanded at all, and being on for too long. */

import { useSignal } from '@preact/signals'
import type { JSX, TargetedSubmitEvent } from 'preact'
import { postJson } from '../api.ts'
import { reasonOf } from '../failures.tsx'
import { Icon } from '../icons.tsx'
import { Problem } from '../parts.tsx'
import { t } from '../words.ts'
import { type Device, refreshSoon } from './house.ts'
import { durationText } from './quantities.ts'
import { relabel } from './relabel.ts'
import { fullName } from './tile-head.tsx'

export function Guard({ device }: { device: Device }): JSX.Element {
  return (
    <div class="guard">
      <LockForm device={device} />
      <AutoOff device={device} />
    </div>
  )
}

/** A tag with a reason, while nobody may command the device. */
function LockForm({ device }: { device: Device }): JSX.Element {
  const problem = useSignal('')
  const act = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const reason = new FormData(event.currentTarget).get('reason')
    const body = { device: device.topic, ...(reason === null ? {} : { reason }) }
    problem.value = await problemOf(postJson(reason === null ? 'api/unlock' : 'api/lock', body))
    refreshSoon(0)
  }
  const lock = device.lock.value
  const id = `reason ${device.topic}`
  return (
    <form class="lock" onSubmit={(event) => void act(event)} aria-label={fullName(device)}>
      {lock === undefined ? (
        <>
          <label for={id}>{t('lockReason')}</label>
          <div class="row">
            <input id={id} name="reason" required maxLength={200} />
            <button type="submit">
              <Icon name="lock" /> {t('lockIt')}
            </button>
          </div>
        </>
      ) : (
        <div class="row">
          <p>{t('lockedBy', { user: lock.by, reason: lock.reason })}</p>
          <button type="submit">{t('unlockIt')}</button>
        </div>
      )}
      <Problem text={problem.value} />
    </form>
  )
}

const minute = 60
const hour = 60 * minute
const times = [minute, 5 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour]

/** Kept by the hub, which turns it off whatever way it was turned on. */
function AutoOff({ device }: { device: Device }): JSX.Element {
  const problem = useSignal('')
  const { autoOffSeconds: told } = device.label.value
  const all = told === undefined || times.includes(told) ? times : [told, ...times]
  const choose = async (seconds: number) => {
    problem.value = await problemOf(relabel(device, { autoOffSeconds: seconds || null }))
  }
  return (
    <>
      <label class="row">
        {t('autoOff')}
        <select
          value={told ?? 0}
          onChange={({ currentTarget }) => void choose(Number(currentTarget.value))}
        >
          <option value={0}>–</option>
          {all.map((seconds) => (
            <option key={seconds} value={seconds} selected={seconds === told}>
              {durationText(seconds)}
            </option>
          ))}
        </select>
      </label>
      <Problem text={problem.value} />
    </>
  )
}

/** Empty when it was done. */
async function problemOf(change: Promise<unknown>): Promise<string> {
  try {
    await change
    return ''
  } catch (error) {
    return reasonOf(error)
  }
}
