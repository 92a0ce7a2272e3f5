import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { ago } from '../clock.ts'
import { Icon } from '../icons.tsx'
import { route } from '../route.ts'
import { t } from '../words.ts'
import { DevicePage } from './device-page.tsx'
import { type Device, type HouseNode, nodes } from './house.ts'
import { SensorTile } from './sensor-tile.tsx'
import { isSwitch, SwitchTile } from './switch-tile.tsx'
import { kindLabel } from './tile-head.tsx'

/** Every device, by node; or the one that the address names. */
export function DevicesView(): JSX.Element {
  const { rest } = route.value
  return rest === '' ? <AllDevices /> : <DevicePage topic={rest} />
}

/** With fewer devices nobody has to look for one. */
const searchableFrom = 16

function AllDevices(): JSX.Element {
  const wanted = useSignal('')
  const { value } = nodes
  if (value === undefined) return <p class="quiet">{t('loading')}</p>
  const shown = value.filter(({ devices }) => devices.value.length > 0)
  if (shown.length === 0) return <NoDevices />
  const count = shown.reduce((sum, { devices }) => sum + devices.value.length, 0)
  return (
    <>
      <h1 class="unseen">{t('devices')}</h1>
      {count >= searchableFrom && (
        <input
          type="search"
          class="find"
          aria-label={t('findDevice')}
          placeholder={t('findDevice')}
          value={wanted.value}
          onInput={({ currentTarget }) => (wanted.value = currentTarget.value)}
        />
      )}
      {shown.map((node) => (
        <NodeTiles key={node.base} node={node} wanted={wanted.value.trim().toLowerCase()} />
      ))}
    </>
  )
}

function NoDevices(): JSX.Element {
  return (
    <section class="empty">
      <Icon name="devices" />
      <h1>{t('noDevices')}</h1>
      <p>{t('noDevicesNext')}</p>
      <pre>{`mosquitto_pub -h ${location.hostname} -p 1883 -u … -P … -t kitchen/thermometer/1 -m '{"temperature":[21.5,"°C"]}'`}</pre>
    </section>
  )
}

function NodeTiles({ node, wanted }: { node: HouseNode; wanted: string }): JSX.Element | null {
  const isWanted = (device: Device) =>
    `${device.topic} ${kindLabel(device.kind)}`.toLowerCase().includes(wanted)
  const devices = node.devices.value.filter((device) => isShown(device) && isWanted(device))
  if (devices.length === 0) return null
  const switches = devices.filter(({ role }) => role === 'actuator')
  const others = devices.filter(({ role }) => role !== 'actuator')
  return (
    <section class="node" aria-label={node.base}>
      <header>
        <h2>{node.base}</h2>
        <NodeCondition node={node} />
      </header>
      <div class="tiles">
        {switches.map((device) => (
          <DeviceTile key={device.topic} device={device} />
        ))}
        {others.map((device) => (
          <DeviceTile key={device.topic} device={device} />
        ))}
      </div>
    </section>
  )
}

/** That a node has started says nothing about now. */
function isShown({ kind, name }: Device): boolean {
  return kind !== 'boot' && name !== 'boot'
}

function DeviceTile({ device }: { device: Device }): JSX.Element {
  return isSwitch(device) ? <SwitchTile device={device} /> : <SensorTile device={device} />
}

export function NodeCondition({ node }: { node: HouseNode }): JSX.Element | null {
  const seen = useComputed(() => {
    const { value } = node.lastSeenMs
    return value === undefined ? t('neverHeard') : t('lastSeen', { when: ago(value) })
  })
  if (node.online.value === false) {
    return (
      <p class="node-condition is-bad">
        <Icon name="offline" /> {t('offline')}, {seen}
      </p>
    )
  }
  if (node.isSilent.value) {
    return (
      <p class="node-condition is-bad">
        <Icon name="clock" /> {t('silent')}, {seen}
      </p>
    )
  }
  return node.online.value === true ? <p class="node-condition">{t('online')}</p> : null
}
