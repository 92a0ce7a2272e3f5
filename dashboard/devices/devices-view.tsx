import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { ago } from '../clock.ts'
import { Icon } from '../icons.tsx'
import { lazily } from '../lazily.tsx'
import { hrefOf, route } from '../route.ts'
import { isOperator } from '../session.ts'
import { t } from '../words.ts'
import { DeviceTile } from './device-tile.tsx'
import { type Device, type HouseNode, nodes } from './house.ts'
import { groupBy, grouping, groupsOf, roomsOf, type TileGroup } from './rooms.ts'
import { fullName, kindLabel } from './tile-head.tsx'

const DevicePage = lazily(async () => (await import('../rarely.ts')).DevicePage)
const TileEditor = lazily(async () => (await import('../rarely.ts')).TileEditor)

/** Every device, by room or node; or the one that the address names. */
export function DevicesView(): JSX.Element {
  const { rest } = route.value
  return rest === '' ? <AllDevices /> : <DevicePage topic={rest} />
}

/** With fewer devices nobody has to look for one. */
const searchableFrom = 16

function AllDevices(): JSX.Element {
  const wanted = useSignal('')
  const isArranging = useSignal(false)
  const { value } = nodes
  if (value === undefined) return <p class="quiet">{t('loading')}</p>
  const shown = value.filter(({ devices }) => devices.value.length > 0)
  if (shown.length === 0) return <NoDevices />
  const count = shown.reduce((sum, { devices }) => sum + devices.value.length, 0)
  const page = route.value.query.get('page') ?? ''
  const text = wanted.value.trim().toLowerCase()
  const groups = pageOf(groupsOf(shown), page)
  return (
    <>
      <h1 class="unseen">{t('devices')}</h1>
      <div class="tile-bar">
        <Pages nodes={shown} page={page} />
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
        <Grouping />
        <a
          class="tool"
          href={hrefOf('kiosk', '', new URLSearchParams(page === '' ? {} : { page }))}
        >
          {t('kiosk')}
        </a>
        {isOperator() && (
          <a
            class="tool"
            href={hrefOf('share', '', new URLSearchParams(page === '' ? {} : { page }))}
          >
            <Icon name="share" /> {t('share')}
          </a>
        )}
        {isOperator() && (
          <button
            type="button"
            aria-pressed={isArranging.value}
            onClick={() => (isArranging.value = !isArranging.value)}
          >
            {t(isArranging.value ? 'done' : 'arrange')}
          </button>
        )}
      </div>
      {groups.map((group) => (
        <Tiles key={group.key} group={group} wanted={text} isArranging={isArranging.value} />
      ))}
    </>
  )
}

const favoritesPage = '*'

/** The tiles of one page: of favourites, of one room, or all, favourites first. */
function pageOf(groups: readonly TileGroup[], page: string): TileGroup[] {
  const favorites = groups.flatMap(({ devices }) =>
    devices.filter(({ label }) => label.value.favorite === true),
  )
  const first = { key: favoritesPage, name: t('favorites'), devices: favorites }
  if (page === favoritesPage) return [first]
  if (page === '') return favorites.length > 0 ? [first, ...groups] : [...groups]
  const inRoom = ({ label }: Device) => label.value.room === page
  return [{ key: page, name: page, devices: groups.flatMap((each) => each.devices.filter(inRoom)) }]
}

/** Leads to the page of each room. */
function Pages({ nodes: shown, page }: { nodes: readonly HouseNode[]; page: string }) {
  const rooms = roomsOf(shown)
  const hasFavorites = shown.some(({ devices }) =>
    devices.value.some(({ label }) => label.value.favorite === true),
  )
  if (rooms.length === 0 && !hasFavorites) return null
  const pages = [['', t('allTiles')], ...rooms.map((room) => [room, room])]
  if (hasFavorites) pages.splice(1, 0, [favoritesPage, t('favorites')])
  return (
    <nav class="pages" aria-label={t('pages')}>
      {pages.map(([key = '', name]) => (
        <a
          key={key}
          href={hrefOf('devices', '', new URLSearchParams(key === '' ? {} : { page: key }))}
          aria-current={key === page ? 'page' : undefined}
        >
          {name}
        </a>
      ))}
    </nav>
  )
}

function Grouping(): JSX.Element | null {
  const rooms = roomsOf(nodes.value ?? [])
  if (rooms.length === 0 && grouping.value === undefined) return null
  const chosen = grouping.value ?? 'room'
  return (
    <label class="grouping">
      {t('groupBy')}
      <select
        value={chosen}
        onChange={({ currentTarget }) => groupBy(currentTarget.value === 'node' ? 'node' : 'room')}
      >
        <option value="room">{t('byRoom')}</option>
        <option value="node">{t('byNode')}</option>
      </select>
    </label>
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

interface TilesProps {
  readonly group: TileGroup
  /** What was looked for, in small letters. */
  readonly wanted: string
  readonly isArranging: boolean
}

function Tiles({ group, wanted, isArranging }: TilesProps): JSX.Element | null {
  const isWanted = (device: Device) =>
    `${device.topic} ${kindLabel(device.kind)} ${fullName(device)} ${device.label.value.room ?? ''}`
      .toLowerCase()
      .includes(wanted)
  const isSeen = ({ label }: Device) => isArranging || label.value.hidden !== true
  const all = group.devices.filter(isShown)
  const devices = all.filter((device) => isSeen(device) && isWanted(device))
  if (devices.length === 0) return null
  return (
    <section class="node" aria-label={group.name}>
      <header>
        <h2>{group.name}</h2>
        {group.node !== undefined && <NodeCondition node={group.node} />}
      </header>
      <div class="tiles">
        {devices.map((device) =>
          isArranging ? (
            <TileEditor key={device.topic} device={device} among={all} />
          ) : (
            <DeviceTile key={device.topic} device={device} />
          ),
        )}
      </div>
    </section>
  )
}

/** That a node has started says nothing about now. */
function isShown({ kind, name }: Device): boolean {
  return kind !== 'boot' && name !== 'boot'
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
