import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { dateTime, now } from '../clock.ts'
import { DeviceTile } from '../devices/device-tile.tsx'
import { nodes } from '../devices/house.ts'
import { groupsOf } from '../devices/rooms.ts'
import { hrefOf, route } from '../route.ts'
import { session } from '../session.ts'
import { t } from '../words.ts'
import '../style/share.css'

/** Tiles alone, for a tablet on the wall and for who looks by a link: nothing leads away from here by a touch in passing. */
export function Kiosk(): JSX.Element {
  useEffect(keepAwake, [])
  const page = route.value.query.get('page') ?? ''
  const { value } = session
  const share = value.is === 'in' ? value.share : undefined
  const devices = groupsOf(nodes.value ?? []).flatMap((group) => group.devices)
  const shown = devices.filter(
    ({ kind, label }) =>
      kind !== 'boot' &&
      label.value.hidden !== true &&
      (page === '' || label.value.room === page || (page === '*' && label.value.favorite === true)),
  )
  const isFull = useSignal(document.fullscreenElement !== null)
  const fill = () => {
    void document.documentElement.requestFullscreen().then(
      () => (isFull.value = true),
      () => {},
    )
  }
  return (
    <div class="kiosk">
      <header>
        <h1>{share?.title ?? (page === '' || page === '*' ? 'Clown.Hub' : page)}</h1>
        <p class="quiet">{dateTime(now.value)}</p>
        {share !== undefined && (
          <p class="quiet">{t('sharedUntil', { when: dateTime(Date.parse(share.until)) })}</p>
        )}
        {!isFull.value && document.fullscreenEnabled && (
          <button type="button" onClick={fill}>
            {t('fullScreen')}
          </button>
        )}
        {share === undefined && <a href={hrefOf('devices')}>{t('leaveKiosk')}</a>}
      </header>
      {nodes.value !== undefined && shown.length === 0 && <p class="quiet">{t('noDevices')}</p>}
      <h2 class="unseen">{t('devices')}</h2>
      <div class="tiles">
        {shown.map((device) => (
          <DeviceTile key={device.topic} device={device} />
        ))}
      </div>
    </div>
  )
}

/** A tablet on the wall does not go dark while this is shown, where its browser can see to that. */
function keepAwake(): () => void {
  let lock: WakeLockSentinel | undefined
  const ask = async () => {
    if (document.hidden || !('wakeLock' in navigator)) return
    lock = await navigator.wakeLock.request('screen').catch(() => undefined)
  }
  void ask()
  document.addEventListener('visibilitychange', ask)
  return () => {
    document.removeEventListener('visibilitychange', ask)
    void lock?.release()
  }
}
