import { useComputed } from '@preact/signals'
import type { JSX } from 'preact'
import { ago, now } from '../clock.ts'
import { Icon } from '../icons.tsx'
import { link } from '../link.ts'
import { t } from '../words.ts'
import type { Device } from './house.ts'
import { type PastPoint, rangeOf } from './past.ts'
import {
  labelOf,
  numberText,
  type Quantity,
  quantitiesOf,
  unitText,
  valueText,
} from './quantities.ts'
import { Sparkline } from './sparkline.tsx'
import { TileHead } from './tile-head.tsx'

/** What a device measures: its value, the last hour, and how old all that is. */
export function SensorTile({ device }: { device: Device }): JSX.Element {
  const { value, isKnown } = device.state.value
  const isStale = useComputed(() => isSilent(device))
  const isOld = isStale.value || !isKnown || link.value.is !== 'open'
  const [first, ...others] = quantitiesOf(value)
  return (
    <article class={isOld ? 'tile is-old' : 'tile'}>
      <TileHead device={device} />
      {first === undefined ? (
        <p class="reading">
          <span class="number">–</span>
        </p>
      ) : (
        <Reading quantity={first} past={device.past.value.get(first.name) ?? []} />
      )}
      {others.length > 0 && (
        <dl class="others">
          {others.slice(0, mostOthers).map((quantity) => (
            <div key={quantity.name}>
              <dt>{labelOf(quantity.name)}</dt>
              <dd>
                {valueText(quantity.value)} {unitText(quantity.unit)}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <Age device={device} isStale={isStale.value} />
    </article>
  )
}

/** Of the further quantities of a report; the page of the device has all of them. */
const mostOthers = 3

/** Whether a sensor, or its node, has said nothing for longer than usual: docs/nodes.md. */
function isSilent({ state, node }: Device): boolean {
  const { atMs, rhythmMs } = state.value
  if (node.online.value === false || node.isSilent.value) return true
  return rhythmMs !== undefined && atMs !== undefined && now.value - atMs > 3 * rhythmMs
}

function Reading({
  quantity,
  past,
}: {
  quantity: Quantity
  past: readonly PastPoint[]
}): JSX.Element {
  const { name, value, unit } = quantity
  const range = rangeOf(past)
  const isNumber = typeof value === 'number'
  return (
    <>
      <p class="reading">
        <span class="unseen">{labelOf(name)}: </span>
        <span class={isNumber ? 'number' : 'number is-text'}>{valueText(value)}</span>{' '}
        <span class="unit">{unitText(unit)}</span>
      </p>
      {isNumber && <Sparkline points={past} />}
      {isNumber && range && (
        <p class="range" title={t('lastHour')}>
          <span class="unseen">{t('lastHour')}: </span>
          {numberText(range.min)} – {numberText(range.max)}
        </p>
      )}
    </>
  )
}

function Age({ device, isStale }: { device: Device; isStale: boolean }): JSX.Element {
  const text = useComputed(() => {
    const { atMs } = device.state.value
    return atMs === undefined ? t('neverHeard') : ago(atMs)
  })
  return (
    <p class={isStale ? 'age is-stale' : 'age'}>
      {isStale && <Icon name="clock" />}
      {isStale && `${t('stale')}, `}
      {text}
    </p>
  )
}
