/** What a PUT to the state of a light or to the action of a group asks for, and what became of it. */
import type { Receipt } from '../../core/message.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import { choicesOf, type ModelRow, modelTable } from '../model-table.ts'
import { busyElement, type Element, failure, invalidValue, success } from './answers.ts'
import { effectsOf, groupStateOf, lightStateOf, type Resource } from './resources.ts'

/** A parameter of the body, and what is wrong with it, if anything. */
interface Parameter {
  readonly name: string
  readonly value: unknown
  readonly error?: Element
  /** Whether it is none that gets an answer of its own. */
  readonly isSilent?: true
}

/** The parameters of `body` for a light of this row; `address` is of what they were sent to. */
function readParameters(
  body: Readonly<Record<string, unknown>>,
  row: Pick<ModelRow, 'form' | 'choices'>,
  address: string,
): Parameter[] {
  // Nothing of ours goes off by itself: what was to be on for a while would stay on.
  const wanted = 'ontime' in body ? { ontime: body['ontime'] } : body
  return Object.entries(wanted).map(([name, value]) => {
    const accepts = acceptors(row)[name]
    if (accepts === undefined) {
      const text = `parameter, ${name}, not available`
      return { name, value, error: failure('parameterNotAvailable', address, text) }
    }
    if (!accepts(value)) return { name, value, error: invalidValue(address, name, value) }
    return name === 'transitiontime' ? { name, value, isSilent: true } : { name, value }
  })
}

type Accepts = (value: unknown) => boolean

/** What each parameter may be, of those that a light of this row has. */
function acceptors(
  row: Pick<ModelRow, 'form' | 'choices'>,
): Readonly<Partial<Record<string, Accepts>>> {
  const always = {
    on: (value: unknown) => typeof value === 'boolean',
    // Nothing of ours takes its time; the original has no answer to it either.
    transitiontime: (value: unknown) => Number.isInteger(value) && Number(value) >= 0,
  }
  if (row.form !== 'choice') return always
  const effects: unknown[] = ['none', ...effectsOf(choicesOf(row))]
  return {
    ...always,
    alert: (value: unknown) => value === 'none' || Object.hasOwn(alerts, String(value)),
    effect: (value: unknown) => effects.includes(value),
  }
}

/** How a LED draws attention: once, and for longer. */
const alerts: Readonly<Record<string, string>> = { select: '1-dot', lselect: '3-dot' }

/** What to ask of the device; undefined when the parameters ask for nothing. */
function askedState(parameters: readonly Parameter[], { form }: ModelRow): unknown {
  const wanted = new Map(parameters.map(({ name, value }) => [name, value]))
  const on = wanted.get('on')
  if (form !== 'choice') return on
  if (on === false) return 'off'
  const effect = wanted.get('effect')
  if (effect !== undefined && effect !== 'none') return effect
  const alert = alerts[String(wanted.get('alert'))]
  if (alert !== undefined) return alert
  return on === true || effect === 'none' ? 'on' : undefined
}

/** Commands a light, and answers each parameter of `body`; undefined when it has none that count. */
export async function commandLight(
  light: Resource,
  body: Readonly<Record<string, unknown>>,
  dialectUser: Pick<DialectUser, 'command'>,
): Promise<Element[] | undefined> {
  const { device, row } = light
  const address = `/lights/${device.number}/state`
  const parameters = readParameters(body, row, address).map((parameter) =>
    isEffectOfDark(parameter, body, light)
      ? { ...parameter, error: deviceOff(address) }
      : parameter,
  )
  const errors = parameters.flatMap(({ error }) => error ?? [])
  const good = parameters.filter(({ error, isSilent }) => error === undefined && !isSilent)
  if (good.length === 0) return errors.length === 0 ? undefined : errors
  const state = askedState(good, row)
  const receipt =
    state === undefined ? undefined : await dialectUser.command(device.topic, { [row.key]: state })
  if (receipt?.receipt === 'node-offline' || receipt?.code === 'node-offline') {
    return [notReachable(address)]
  }
  return parameters
    .filter(({ isSilent }) => !isSilent)
    .map(({ name, value, error }) => error ?? resultOf(receipt, { name, value, address }))
}

/** An effect has to be seen: the original refuses it of a light that is off and stays off. */
function isEffectOfDark(
  { name, error }: Parameter,
  body: Readonly<Record<string, unknown>>,
  light: Resource,
): boolean {
  if (name !== 'effect' || error !== undefined || body['on'] === true) return false
  return lightStateOf(light).on === false
}

function deviceOff(address: string): Element {
  const text = 'parameter, effect, is not modifiable. Device is set to off.'
  return failure('deviceOff', address, text)
}

function notReachable(address: string): Element {
  const text = `resource, ${address}, is not modifiable. Device is not reachable.`
  return failure('notReachable', address, text)
}

/** A parameter, and where it was sent. */
interface PlacedParameter extends Pick<Parameter, 'name' | 'value'> {
  readonly address: string
}

/** How a command went, as the answer to one of its parameters. */
export function resultOf(
  receipt: Receipt | undefined,
  { name, value, address }: PlacedParameter,
): Element {
  switch (receipt?.receipt) {
    case 'refused':
      return receipt.code === 'too-fast'
        ? busyElement(`${address}/${name}`)
        : failure('notModifiable', address, refusalText(name, receipt))
    case 'timed-out':
    case 'node-offline':
      return notReachable(address)
    case 'unknown':
      return busyElement(`${address}/${name}`)
    case 'mismatch':
      // Not yet the end: a report may have been on its way.
      if (!receipt.final) return success(`${address}/${name}`, value)
      return failure('notModifiable', address, `parameter, ${name}, is not modifiable.`)
    default:
      return success(`${address}/${name}`, value)
  }
}

function refusalText(name: string, { code, message }: Receipt): string {
  const text = `parameter, ${name}, is not modifiable`
  return code === 'forbidden' ? text : `${text}. ${message}.`
}

/** What any light has: one that lacks some of it leaves that out. */
const anyLight = {
  form: 'choice',
  choices: modelTable.flatMap(choicesOf),
} as const

/** Who commands, and under which address, such as `/groups/0`. */
interface GroupCommander extends Pick<DialectUser, 'command'> {
  readonly address: string
}

/**
 * Commands all lights that the user may see, and answers each parameter of `body`; undefined when it
 * has none that count. Lights that are away are left out as long as others are there, as of the original.
 */
export async function commandGroup(
  lights: readonly Resource[],
  { toggle, ...rest }: Readonly<Record<string, unknown>>,
  { command, address: group }: GroupCommander,
): Promise<Element[] | undefined> {
  const address = `${group}/action`
  const isToggled = toggle === true && rest['on'] === undefined
  const body = isToggled ? { ...rest, on: !groupStateOf(lights).any_on } : rest
  const parameters = readParameters(body, anyLight, address)
  const isWrong = toggle !== undefined && typeof toggle !== 'boolean'
  const errors = isWrong ? [invalidValue(address, 'toggle', toggle)] : []
  const answered = parameters.filter(({ isSilent }) => !isSilent)
  if (answered.length === 0) return errors.length === 0 ? undefined : errors
  const good = answered.filter(({ error }) => error === undefined)
  const commands = lights.flatMap(({ device, row }) => {
    const state = askedState(good, row)
    if (state === undefined) return []
    return command(device.topic, { [row.key]: state })
  })
  const receipts = await Promise.all(commands)
  const elements = answered.map(({ name, value, error }) => {
    return error ?? resultOfAll(receipts, { name, value, address })
  })
  return [...errors, ...elements]
}

/** Success as soon as one light was commanded, or none had to be; otherwise what became of the first. */
function resultOfAll(receipts: readonly Receipt[], parameter: PlacedParameter): Element {
  const results = receipts.map((receipt) => resultOf(receipt, parameter))
  const done = results.find((element) => 'success' in element)
  return done ?? results[0] ?? success(`${parameter.address}/${parameter.name}`, parameter.value)
}
