import type { JSX } from 'preact'
import { Icon, type IconName, isIcon } from '../icons.tsx'
import { hrefOf } from '../route.ts'
import { isWord, t } from '../words.ts'
import type { Device } from './house.ts'

const icons: Readonly<Record<string, IconName>> = {
  thermometer: 'thermometer',
  'humidity-sensor': 'humidity',
  'lux-meter': 'light',
  barometer: 'pressure',
  'co2-sensor': 'air',
  pir: 'motion',
  motion: 'motion',
  relay: 'relay',
  led: 'bulb',
  light: 'bulb',
  'push-button': 'button',
  button: 'button',
  cover: 'cover',
  lock: 'lock',
  fan: 'fan',
  climate: 'thermometer',
}

function iconOf({ kind, role, label }: Pick<Device, 'kind' | 'role' | 'label'>): IconName {
  const { icon = '' } = label.value
  if (isIcon(icon)) return icon
  return icons[kind] ?? (role === 'actuator' ? 'relay' : 'sensor')
}

/** What a person calls a kind of device; its own name where the page has no word for it. */
export function kindLabel(kind: string): string {
  const key = `kind-${kind}`
  if (isWord(key)) return t(key)
  const words = kind.replace(/[-_]/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Which of its kind: the last level of its topic, unless that says nothing. */
function addressOf({ topic }: Pick<Device, 'topic'>): string {
  const last = topic.slice(topic.lastIndexOf('/') + 1)
  return last === '-' ? '' : last
}

export function fullName(device: Device): string {
  return device.label.value.title ?? `${kindLabel(device.kind)} ${addressOf(device)}`.trim()
}

/** The name of a device, which leads to its own page. */
export function TileHead({ device }: { device: Device }): JSX.Element {
  const { title } = device.label.value
  return (
    <h3>
      <a href={hrefOf('devices', device.topic)} title={device.topic}>
        <Icon name={iconOf(device)} />
        <span class="kind">{title ?? kindLabel(device.kind)}</span>{' '}
        {title === undefined && <span class="address">{addressOf(device)}</span>}
      </a>
    </h3>
  )
}
