import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { ago, now } from '../clock.ts'
import { Icon, type IconName } from '../icons.tsx'
import { lazily } from '../lazily.tsx'
import { link } from '../link.ts'
import { isOperator, mayOnlyLook } from '../session.ts'
import { t, type Word } from '../words.ts'
import { commandDevice, switchDevice } from './commanding.ts'
import { Adjustments, controlsOf } from './controls.tsx'
import { HoldButton, isHeld } from './hold-button.tsx'
import type { Device, LoggedCommand, Outcome } from './house.ts'
import { durationText, quantitiesOf, unitText, valueText } from './quantities.ts'
import { furtherStates, isOn, stateOf } from './switching.ts'
import { fullName, TileHead } from './tile-head.tsx'

const Guard = lazily(async () => (await import('./guard.tsx')).Guard)

interface SwitchTileProps {
  readonly device: Device
  /** On a page that has the rest of it below. */
  readonly isAlone?: boolean
}

/** Something that can be commanded: what it is, what was asked of it, and what became of that. */
export function SwitchTile({ device, isAlone = false }: SwitchTileProps): JSX.Element {
  const isGuardOpen = useSignal(false)
  const { value, isKnown } = device.state.value
  const isOld = !isKnown || link.value.is !== 'open'
  return (
    <article class={isOld ? 'tile is-switch is-old' : 'tile is-switch'}>
      <TileHead device={device} />
      {isOperator() && !isAlone && (
        <button
          type="button"
          class="more-of-tile"
          disabled={link.value.is !== 'open'}
          aria-expanded={isGuardOpen.value}
          aria-label={t('guardOf', { name: fullName(device) })}
          onClick={() => (isGuardOpen.value = !isGuardOpen.value)}
        >
          <Icon name="more" />
        </button>
      )}
      <Commanded device={device} />
      <Condition device={device} />
      <LastSwitch device={device} isOn={isOn(value)} />
      {isGuardOpen.value && <Guard device={device} />}
    </article>
  )
}

/** What stands against a command from here; undefined when nothing does. */
function obstacleOf({ lock, node }: Device): Word | undefined {
  if (link.value.is !== 'open') return 'notConnected'
  if (lock.value !== undefined) return 'locked'
  if (node.online.value === false) return 'nodeOffline'
  return mayOnlyLook() ? 'mayOnlyLook' : undefined
}

function Commanded({ device }: { device: Device }): JSX.Element {
  const Control = controlsOf[device.kind]
  if (Control === undefined) return <SwitchControl device={device} />
  return <Control device={device} isDisabled={obstacleOf(device) !== undefined} />
}

function SwitchControl({ device }: { device: Device }): JSX.Element {
  const { value, isKnown } = device.state.value
  const on = isOn(value)
  const obstacle = obstacleOf(device)
  const isDisabled = obstacle !== undefined
  const further = furtherStates[device.kind]
  return (
    <>
      {isKnown && on !== undefined ? (
        <Toggle device={device} isOn={on} obstacle={obstacle} />
      ) : (
        <Pair device={device} isDisabled={isDisabled} />
      )}
      {further !== undefined && <States device={device} states={further} isDisabled={isDisabled} />}
      <Adjustments device={device} isDisabled={isDisabled} />
    </>
  )
}

interface ToggleProps {
  readonly device: Device
  readonly isOn: boolean
  readonly obstacle: Word | undefined
}

/** Shows what is, whatever was asked for; a second press asks for the opposite of what was asked. */
function Toggle({ device, isOn: on, obstacle }: ToggleProps): JSX.Element {
  const asked = device.asked.value
  const askedOn = asked === undefined ? undefined : isOn(asked.payload)
  const press = () => void switchDevice(device, !(askedOn ?? on))
  const state = stateOf(device.state.value.value)
  const word =
    typeof state === 'string' && !/^(on|off)$/i.test(state) ? state : t(on ? 'on' : 'off')
  return (
    <HoldButton
      class={`toggle ${on ? 'is-on' : 'is-off'} ${asked ? 'is-asked' : ''}`}
      role="switch"
      aria-checked={on}
      aria-busy={asked !== undefined}
      aria-label={fullName(device)}
      title={obstacle && t(obstacle)}
      disabled={obstacle !== undefined}
      mustHold={isHeld(device.topic)}
      onPress={press}
    >
      <span class="track">
        <span class="knob" />
      </span>
      <span class="word">{word}</span>
    </HoldButton>
  )
}

interface PairProps {
  readonly device: Device
  readonly isDisabled: boolean
}

/** While nobody knows what it is, there is nothing to toggle. */
function Pair({ device, isDisabled }: PairProps): JSX.Element {
  return (
    <fieldset class="pair">
      <legend class="unseen">{fullName(device)}</legend>
      {[true, false].map((wanted) => (
        <HoldButton
          key={String(wanted)}
          class="plain"
          disabled={isDisabled}
          mustHold={isHeld(device.topic)}
          onPress={() => void switchDevice(device, wanted)}
        >
          {t(wanted ? 'on' : 'off')}
        </HoldButton>
      ))}
    </fieldset>
  )
}

interface StatesProps extends PairProps {
  readonly states: readonly string[]
}

function States({ device, states, isDisabled }: StatesProps): JSX.Element {
  const state = String(stateOf(device.state.value.value))
  return (
    <select
      aria-label={`${fullName(device)}: ${t('state')}`}
      value={states.includes(state) ? state : ''}
      disabled={isDisabled}
      onChange={({ currentTarget }) =>
        void commandDevice(device, { state: currentTarget.value }).finally(() => {
          currentTarget.value = String(stateOf(device.state.peek().value))
        })
      }
    >
      {!states.includes(state) && <option value="">–</option>}
      {states.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  )
}

/** One line that says what is the matter, for eyes and for readers aloud. */
function Condition({ device }: { device: Device }): JSX.Element {
  return (
    <p class="condition" role="status">
      <ConditionText device={device} />
    </p>
  )
}

function ConditionText({ device }: { device: Device }): JSX.Element | null {
  const { asked, outcome, lock, node, state } = device
  if (asked.value !== undefined) return <AskedText device={device} />
  if (outcome.value !== undefined) return <OutcomeText outcome={outcome.value} />
  if (lock.value !== undefined) {
    const { by, reason } = lock.value
    return <Note icon="lock" text={t('lockedBy', { user: by, reason })} />
  }
  if (node.online.value === false) return <Note icon="offline" text={t('nodeOffline')} />
  if (state.value.warning !== undefined) return <Note icon="warning" text={state.value.warning} />
  if (!state.value.isKnown) return <Unknown device={device} />
  if (state.value.toldBy !== undefined)
    return <Note icon="person" text={t('toldBy', { user: state.value.toldBy })} />
  return null
}

function Unknown({ device }: { device: Device }): JSX.Element {
  const on = isOn(device.state.value.value)
  const text = on === undefined ? t('stateUnknown') : t(on ? 'unknownWasOn' : 'unknownWasOff')
  return <Note icon="warning" text={text} />
}

function Note({ icon, text, tone = '' }: { icon: IconName; text: string; tone?: string }) {
  return (
    <span class={`condition-text ${tone}`}>
      <Icon name={icon} />
      <span>{text}</span>
    </span>
  )
}

function AskedText({ device }: { device: Device }): JSX.Element | null {
  const { value } = device.asked
  if (value === undefined) return null
  const [first] = quantitiesOf(value.payload)
  const what = first === undefined ? '' : `${valueText(first.value)} ${unitText(first.unit)}`.trim()
  const seconds = Math.max(0, Math.floor((now.value - value.sinceMs) / 1000))
  const word = value.by === 'me' ? 'asked' : 'askedByOther'
  return <Note icon="clock" tone="is-asking" text={t(word, { what, seconds })} />
}

const outcomeWords: Readonly<Record<string, Word>> = {
  'timed-out': 'outcomeTimedOut',
  mismatch: 'outcomeMismatch',
  unknown: 'outcomeUnknown',
  'already-so': 'outcomeAlreadySo',
  'node-offline': 'outcomeNodeOffline',
}

function OutcomeText({ outcome }: { outcome: Outcome }): JSX.Element {
  const { receipt, message = '' } = outcome
  const word = outcomeWords[receipt]
  const isMild = receipt === 'already-so'
  const text = word === undefined ? t('outcomeRefused', { why: message }) : t(word)
  return <Note icon={isMild ? 'check' : 'warning'} tone={isMild ? '' : 'is-bad'} text={text} />
}

/** Who switched it last, and when; or that it did so by itself. */
function LastSwitch({ device, isOn: on }: { device: Device; isOn: boolean | undefined }) {
  const text = useComputed(() => lastSwitchText(device, on))
  const { seconds, at } = device.autoOff.value
  return (
    <p class="age">
      {text}
      {seconds !== undefined && <small> · {t('offAfter', { time: durationText(seconds) })}</small>}
      {at !== undefined && <small> · {t('offAt', { time: at })}</small>}
    </p>
  )
}

function lastSwitchText({ lastSwitch, state, kind }: Device, on: boolean | undefined): string {
  const entry = lastSwitch.value
  const { atMs } = state.value
  if (entry === undefined || (on === undefined && controlsOf[kind] === undefined))
    return atMs === undefined ? '' : ago(atMs)
  return switchText(entry)
}

function switchText({ receipt, user, at }: LoggedCommand): string {
  const when = ago(Date.parse(at))
  return receipt === 'by-itself' ? t('byItself', { when }) : t('switchedBy', { user, when })
}

/** Whether `device` is something that the page can command. */
export function isCommanded(device: Device): boolean {
  if (device.role !== 'actuator') return false
  if (controlsOf[device.kind] !== undefined) return true
  const { value } = device.state.value
  return isOn(value) !== undefined || value === null
}
