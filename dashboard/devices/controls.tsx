/** What a device can be asked besides on and off, by its kind: docs/devices.md. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX, TargetedSubmitEvent } from 'preact'
import type { HubSettable } from '../../client/index.ts'

import { isWord, t } from '../words.ts'
import { commandDevice } from './commanding.ts'
import { HoldButton, isHeld } from './hold-button.tsx'
import type { Device } from './house.ts'
import { labelOf, numberText, unitText } from './quantities.ts'
import { stateOf } from './switching.ts'
import { fullName } from './tile-head.tsx'

export interface ControlProps {
  readonly device: Device
  readonly isDisabled: boolean
}

type Control = (props: ControlProps) => JSX.Element

/** Of kinds that are no mere switches. */
export const controlsOf: Readonly<Record<string, Control>> = {
  cover: Cover,
  climate: Climate,
  lock: Lock,
  number: NumberField,
  select: Choice,
  text: TextField,
  button: PressButton,
}

/** What a lamp or a fan can do besides being on or off, as far as it has told. */
export function Adjustments(props: ControlProps): JSX.Element {
  return (
    <>
      <Slider {...props} field="brightness" unit="%" />
      <Slider {...props} field="color-temp" unit="mired" min={153} max={500} />
      <ColorField {...props} />
      <Slider {...props} field="speed" unit="%" />
      <Check {...props} field="oscillating" />
      <Written {...props} field="preset" />
      <Written {...props} field="effect" />
    </>
  )
}

function reportOf({ state }: Device): Readonly<Record<string, unknown>> {
  const { value } = state.value
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** What a field measures, without its unit; undefined where the device has none. */
function numberIn(device: Device, field: string): number | undefined {
  const told = reportOf(device)[field]
  const plain = Array.isArray(told) ? told[0] : told
  return typeof plain === 'number' ? plain : undefined
}

/** What a field can be set to, as far as its profile tells. */
function settableOf({ settable }: Device, field: string): Partial<HubSettable> {
  return settable.value[field] ?? {}
}

function textIn(device: Device, field: string): string | undefined {
  const told = reportOf(device)[field]
  return typeof told === 'string' ? told : undefined
}

interface SliderProps extends ControlProps {
  readonly field: string
  readonly unit: string
  readonly min?: number
  readonly max?: number
}

/** Asks once the finger is off it; what stands there is what the device says. */
function Slider({ device, isDisabled, field, unit, ...usual }: SliderProps) {
  const told = numberIn(device, field)
  const { min = usual.min ?? 0, max = usual.max ?? 100, step = 1 } = settableOf(device, field)
  const dragged = useSignal<number | undefined>(undefined)
  if (told === undefined) return null
  const shown = dragged.value ?? told
  return (
    <label class="slider">
      <span>{labelOf(field)}</span>
      <output>
        {numberText(shown)} {unitText(unit)}
      </output>
      <input
        type="range"
        class={field === 'color-temp' ? 'is-warmth' : ''}
        {...{ min, max, step, disabled: isDisabled }}
        value={shown}
        aria-label={`${fullName(device)}: ${labelOf(field)}`}
        onInput={({ currentTarget }) => (dragged.value = currentTarget.valueAsNumber)}
        onChange={({ currentTarget }) => {
          const asked = currentTarget.valueAsNumber
          void commandDevice(device, { [field]: asked }).finally(() => (dragged.value = undefined))
        }}
      />
    </label>
  )
}

function ColorField({ device, isDisabled }: ControlProps): JSX.Element | null {
  const told = textIn(device, 'color')
  if (told === undefined || !/^#?[\da-f]{6}$/i.test(told)) return null
  return (
    <label class="slider">
      <span>{labelOf('color')}</span>
      <input
        type="color"
        value={`#${told.replace('#', '').toLowerCase()}`}
        disabled={isDisabled}
        aria-label={`${fullName(device)}: ${labelOf('color')}`}
        onChange={({ currentTarget }) =>
          void commandDevice(device, { color: currentTarget.value.slice(1).toUpperCase() })
        }
      />
    </label>
  )
}

function Check({
  device,
  isDisabled,
  field,
}: ControlProps & { readonly field: string }): JSX.Element | null {
  const told = reportOf(device)[field]
  if (typeof told !== 'boolean') return null
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={told}
        disabled={isDisabled}
        onChange={({ currentTarget }) => {
          const asked = currentTarget.checked
          // It stands as the device does, until that has done it.
          currentTarget.checked = told
          void commandDevice(device, { [field]: asked })
        }}
      />
      {labelOf(field)}
    </label>
  )
}

interface WrittenProps extends ControlProps {
  readonly field: string
  readonly known?: readonly string[]
}

/** A word that the device has told, or another one; of those that are known, a choice. */
function Written({ device, isDisabled, field, known }: WrittenProps): JSX.Element | null {
  const told = textIn(device, field)
  if (told === undefined) return null
  const label = `${fullName(device)}: ${labelOf(field)}`
  const { options = known } = settableOf(device, field)
  if (options === undefined) return <Sent {...{ device, isDisabled, field, told, label }} />
  return (
    <div class="slider">
      <span aria-hidden="true">{labelOf(field)}</span>
      <Options {...{ device, isDisabled, field, told, label, options }} />
    </div>
  )
}

interface OptionsProps extends ControlProps {
  readonly field: string
  readonly told: string
  readonly label: string
  readonly options: readonly string[]
}

/** What stands there is what the device says, until it says something else. */
function Options({ device, isDisabled, field, told, label, options }: OptionsProps): JSX.Element {
  const choices = options.includes(told) ? options : [told, ...options]
  return (
    <select
      value={told}
      disabled={isDisabled}
      aria-label={label}
      onChange={({ currentTarget }) => {
        const asked = currentTarget.value
        currentTarget.value = told
        void commandDevice(device, { [field]: asked })
      }}
    >
      {choices.map((each) => (
        <option key={each} value={each}>
          {each.replaceAll('_', ' ')}
        </option>
      ))}
    </select>
  )
}

/** One of what a select can be, where it has told that. */
function Choice(props: ControlProps): JSX.Element {
  const { options } = settableOf(props.device, 'value')
  const told = textIn(props.device, 'value') ?? ''
  const label = fullName(props.device)
  if (options === undefined) return <TextField {...props} />
  return <Options {...props} field="value" {...{ told, label, options }} />
}

interface SentProps extends ControlProps {
  readonly field: string
  readonly told: string
  readonly label: string
  readonly type?: 'text' | 'number'
}

/** A field that is sent by a button or by Enter. */
function Sent({ device, isDisabled, field, told, label, type = 'text' }: SentProps): JSX.Element {
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const given = String(new FormData(event.currentTarget).get('value'))
    void commandDevice(device, { [field]: type === 'number' ? Number(given) : given })
  }
  return (
    <form class="sent" onSubmit={submit}>
      <input
        name="value"
        inputMode={type === 'number' ? 'decimal' : 'text'}
        pattern={type === 'number' ? '-?[0-9]+([.][0-9]+)?' : undefined}
        disabled={isDisabled}
        required={type === 'number'}
        title={type === 'number' ? rangeText(device, field) : undefined}
        key={told}
        defaultValue={told}
        aria-label={label}
      />
      <button type="submit" disabled={isDisabled}>
        {t('set')}
      </button>
    </form>
  )
}

/** `0.5 – 30 kW`, where it is known. */
function rangeText(device: Device, field: string): string | undefined {
  const { min, max, unit } = settableOf(device, field)
  if (min === undefined || max === undefined) return undefined
  return `${numberText(min)} – ${numberText(max)} ${unitText(unit)}`.trim()
}

function NumberField(props: ControlProps): JSX.Element {
  const told = numberIn(props.device, 'value') ?? 0
  return (
    <Sent
      {...props}
      field="value"
      type="number"
      told={String(told)}
      label={fullName(props.device)}
    />
  )
}

function TextField(props: ControlProps): JSX.Element {
  const told = textIn(props.device, 'value') ?? ''
  return <Sent {...props} field="value" told={told} label={fullName(props.device)} />
}

function PressButton({ device, isDisabled }: ControlProps): JSX.Element {
  return (
    <Asking device={device} isDisabled={isDisabled} payload={{}}>
      {t('press')}
    </Asking>
  )
}

interface AskingProps extends ControlProps {
  readonly payload: unknown
  readonly children: ComponentChildren
  readonly isSo?: boolean
}

/** A button that asks for one thing. */
function Asking({ device, isDisabled, payload, children, isSo = false }: AskingProps) {
  return (
    <HoldButton
      class="plain"
      disabled={isDisabled}
      aria-pressed={isSo || undefined}
      mustHold={isHeld(device.topic)}
      onPress={() => void commandDevice(device, payload)}
    >
      {children}
    </HoldButton>
  )
}

/** What the device says it is, in words. */
function Says({ device }: { device: Device }): JSX.Element {
  const said = String(stateOf(device.state.value.value) ?? '–')
  const key = `says-${said}`
  return <p class="says">{isWord(key) ? t(key) : said}</p>
}

function Cover(props: ControlProps): JSX.Element {
  return (
    <>
      <Says device={props.device} />
      <fieldset class="trio">
        <legend class="unseen">{fullName(props.device)}</legend>
        <Asking {...props} payload={{ state: 'open' }}>
          {t('open')}
        </Asking>
        <Asking {...props} payload={{ state: 'stop' }}>
          {t('stop')}
        </Asking>
        <Asking {...props} payload={{ state: 'close' }}>
          {t('closeIt')}
        </Asking>
      </fieldset>
      <Slider {...props} field="position" unit="%" />
      <Slider {...props} field="tilt" unit="%" />
    </>
  )
}

function Lock(props: ControlProps): JSX.Element {
  return (
    <>
      <Says device={props.device} />
      <fieldset class="pair">
        <legend class="unseen">{fullName(props.device)}</legend>
        <Asking {...props} payload={{ state: 'lock' }}>
          {t('lockIt')}
        </Asking>
        <Asking {...props} payload={{ state: 'unlock' }}>
          {t('unlockIt')}
        </Asking>
      </fieldset>
    </>
  )
}

const modes = ['off', 'heat', 'cool', 'heat_cool', 'auto', 'dry', 'fan_only']

function Climate(props: ControlProps): JSX.Element {
  const { device } = props
  const temperature = numberIn(device, 'temperature')
  const action = textIn(device, 'action')
  return (
    <>
      <p class="reading">
        <span class="number">{temperature === undefined ? '–' : numberText(temperature)}</span>
        <span class="unit">{unitOf(device)}</span>
        {action !== undefined && <span class="quiet">{action.replaceAll('_', ' ')}</span>}
      </p>
      {['setpoint', 'setpoint-low', 'setpoint-high'].map((field) => (
        <Stepper key={field} {...props} field={field} />
      ))}
      <Written {...props} field="mode" known={modes} />
      <Written {...props} field="fan-mode" />
      <Written {...props} field="preset" />
    </>
  )
}

function unitOf(device: Device): string {
  const { temperature, setpoint } = reportOf(device)
  const [, unit] = [temperature, setpoint].find(Array.isArray) ?? []
  return unitText(typeof unit === 'string' ? unit : '°C')
}

const usualStep = 0.5

/** A number that is asked for in steps: what was asked for last counts, not what is. */
function Stepper({ device, isDisabled, field }: ControlProps & { readonly field: string }) {
  const told = numberIn(device, field)
  if (told === undefined) return null
  const asked = device.asked.value?.payload
  const pending = typeof asked === 'object' ? Object(asked)[field] : undefined
  const from = typeof pending === 'number' ? pending : told
  const name = `${fullName(device)}: ${labelOf(field)}`
  const { min = -Infinity, max = Infinity, step = usualStep } = settableOf(device, field)
  const ask = (by: number) =>
    void commandDevice(device, { [field]: Math.min(max, Math.max(min, from + by)) })
  return (
    <fieldset class="stepper">
      <legend class="unseen">{name}</legend>
      <button type="button" disabled={isDisabled} onClick={() => ask(-step)}>
        <span aria-hidden="true">−</span>
        <span class="unseen">{t('colder')}</span>
      </button>
      <output>
        <span class="quiet">{labelOf(field)}</span> {numberText(told)} {unitOf(device)}
      </output>
      <button type="button" disabled={isDisabled} onClick={() => ask(step)}>
        <span aria-hidden="true">+</span>
        <span class="unseen">{t('warmer')}</span>
      </button>
    </fieldset>
  )
}
