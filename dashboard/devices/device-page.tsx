import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { dateTime } from '../clock.ts'
import { Copyable } from '../copyable.tsx'
import { askQuietly, forgetFailure } from '../failures.tsx'
import { Icon } from '../icons.tsx'
import { hrefOf } from '../route.ts'
import { isOperator } from '../session.ts'
import { t } from '../words.ts'
import { DeviceTile } from './device-tile.tsx'
import { Guard } from './guard.tsx'
import { isHeld, setHeld } from './hold-button.tsx'
import { type Device, deviceOf, type LoggedCommand, nodes } from './house.ts'
import { quantitiesOf } from './quantities.ts'
import { isCommanded } from './switch-tile.tsx'
import { switchPayload } from './switching.ts'
import { fullName } from './tile-head.tsx'

/** All about one device. */
export function DevicePage({ topic }: { topic: string }): JSX.Element {
  // Devices are found once the hub has told of them.
  const device = nodes.value === undefined ? undefined : deviceOf(topic)
  return (
    <div class="device-page">
      <a class="back" href={hrefOf('devices')}>
        <Icon name="back" /> {t('devices')}
      </a>
      {nodes.value !== undefined && device === undefined && <p>{t('noSuchDevice', { topic })}</p>}
      {device !== undefined && <Details device={device} />}
    </div>
  )
}

function Details({ device }: { device: Device }): JSX.Element {
  const canSwitch = isCommanded(device)
  return (
    <>
      <h1>{fullName(device)}</h1>
      <p class="quiet topic">{device.topic}</p>
      <h2 class="unseen">{t('state')}</h2>
      <div class="tiles is-single">
        <DeviceTile device={device} isAlone />
      </div>
      <p>
        <a href={chartHref(device)}>
          <Icon name="charts" /> {t('showChart')}
        </a>{' '}
        <a href={hrefOf('why', `${device.topic}/#`)}>
          <Icon name="why" /> {t('why')}
        </a>
      </p>
      {canSwitch && <HoldChoice topic={device.topic} />}
      {device.role === 'actuator' && isOperator() && (
        <>
          <h2>{t('lock')}</h2>
          <Guard device={device} />
        </>
      )}
      <h2>{t('commandLine')}</h2>
      <Copyable text={commandLineFor(device, canSwitch)} />
      {device.role === 'actuator' && isOperator() && <Log device={device} />}
    </>
  )
}

function chartHref({ topic, state }: Device): string {
  const names = quantitiesOf(state.value.value)
    .filter(({ value }) => typeof value !== 'string')
    .map(({ name }) => name)
  const query = new URLSearchParams(names.map((name) => ['q', `${topic} ${name}`]))
  return hrefOf('charts', '', query)
}

function commandLineFor({ topic, state, kind }: Device, canSwitch: boolean): string {
  if (!canSwitch) return `clown-hub sub '${topic}' --since 1h`
  return `clown-hub set ${topic} '${JSON.stringify(switchPayload(true, state.value.value, kind))}'`
}

function HoldChoice({ topic }: { topic: string }): JSX.Element {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isHeld(topic)}
        onChange={({ currentTarget }) => setHeld(topic, currentTarget.checked)}
      />
      {t('holdToSwitch')}
    </label>
  )
}

const logLength = 20

function Log({ device }: { device: Device }): JSX.Element {
  const entries = useSignal<readonly LoggedCommand[]>([])
  const { value: latest } = device.lastSwitch
  const { value: asked } = device.asked
  // Read anew when something has been switched, or a command of ours has ended.
  useEffect(() => {
    const aborted = new AbortController()
    const load = async () => {
      const query = { device: device.topic, limit: logLength }
      const asked = askQuietly<{ commands: LoggedCommand[] }>('api/commands', query, aborted.signal)
      entries.value = (await asked)?.commands ?? entries.peek()
    }
    void load()
    return () => {
      aborted.abort()
      forgetFailure('api/commands')
    }
  }, [device, latest?.id, asked])
  return (
    <>
      <h2>{t('log')}</h2>
      {entries.value.length === 0 ? (
        <p class="quiet">{t('logEmpty')}</p>
      ) : (
        <LogTable entries={entries.value} />
      )}
    </>
  )
}

export function LogTable({
  entries,
  hasDevice = false,
}: {
  entries: readonly LoggedCommand[]
  hasDevice?: boolean
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it nobody could scroll here by the keyboard
    <section class="scroll" tabIndex={0} aria-label={t('log')}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('when')}</th>
            {hasDevice && <th scope="col">{t('device')}</th>}
            <th scope="col">{t('who')}</th>
            <th scope="col">{t('what')}</th>
            <th scope="col">{t('result')}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.id}>
              <td>{dateTime(Date.parse(entry.at))}</td>
              {hasDevice && (
                <td>
                  <a href={hrefOf('devices', entry.device)}>{entry.device}</a>
                </td>
              )}
              <td>{entry.receipt === 'by-itself' ? t('itself') : `${entry.user}, ${entry.way}`}</td>
              <td>
                <code>{JSON.stringify(entry.asked)}</code>
              </td>
              <td title={entry.message}>{resultText(entry)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function resultText({ receipt, code, afterMs }: LoggedCommand): string {
  if (receipt === 'by-itself') return '–'
  return `${receipt}${code === undefined ? '' : ` (${code})`}${afterMs > 0 ? `, ${afterMs} ms` : ''}`
}
