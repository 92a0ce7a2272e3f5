/** What a PUT to the state of a light or to the action of a group asks for, and what became of it. */
import type { Receipt } from '../../core/message.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import { actuatorOf } from './actuators.ts'
import { busyElement, type Element, failure, invalidValue, success } from './answers.ts'
import { groupStateOf, isLightOn, type Resource } from './resources.ts'

/** A parameter of the body, and what is wrong with it, if anything. */
interface Parameter {
  readonly name: string
  readonly value: unknown
  readonly error?: Element
  /** Whether it is none that gets an answer of its own. */
  readonly isSilent?: true
}

type Acceptors = ReturnType<NonNullable<ReturnType<typeof actuatorOf>>['accepts']>

/** What a resource takes: nothing, where it only tells. */
function acceptorsOf(resource: Resource): Acceptors {
  return actuatorOf(resource)?.accepts(resource) ?? {}
}

/** The parameters of `body`, where each may be what `acceptors` take; `address` is of what they were sent to. */
function readParameters(
  body: Readonly<Record<string, unknown>>,
  acceptors: Acceptors,
  address: string,
): Parameter[] {
  // Nothing of ours goes off by itself: what was to be on for a while would stay on.
  const wanted = 'ontime' in body ? { ontime: body['ontime'] } : body
  return Object.entries(wanted).map(([name, value]) => {
    const isTime = name === 'transitiontime'
    const accepts = isTime ? isTimeSpan : Object.hasOwn(acceptors, name) && acceptors[name]
    if (!accepts) {
      const text = `parameter, ${name}, not available`
      return { name, value, error: failure('parameterNotAvailable', address, text) }
    }
    if (!accepts(value)) return { name, value, error: invalidValue(address, name, value) }
    return isTime ? { name, value, isSilent: true } : { name, value }
  })
}

/** Nothing of ours is told how long to take; the original has no answer to it either. */
function isTimeSpan(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0
}

/** What to ask of the device, of the parameters that it has; undefined when they ask for nothing. */
function askedOf(parameters: readonly Parameter[], resource: Resource) {
  const accepts = acceptorsOf(resource)
  const own = parameters.filter(
    ({ name, value }) => Object.hasOwn(accepts, name) && accepts[name]?.(value) === true,
  )
  return actuatorOf(resource)?.asked(new Map(own.map(({ name, value }) => [name, value])), resource)
}

/** Commands a light or thermostat, and answers each parameter of `body`; undefined when it has none that count. */
export async function commandResource(
  resource: Resource,
  body: Readonly<Record<string, unknown>>,
  { command, address }: Commander,
): Promise<Element[] | undefined> {
  const parameters = readParameters(body, acceptorsOf(resource), address).map((parameter) =>
    isOfDark(parameter, body, resource)
      ? { ...parameter, error: deviceOff(address, parameter.name) }
      : parameter,
  )
  const errors = parameters.flatMap(({ error }) => error ?? [])
  const good = parameters.filter(({ error, isSilent }) => error === undefined && !isSilent)
  if (good.length === 0) return errors.length === 0 ? undefined : errors
  const asked = askedOf(good, resource)
  const receipt = asked && (await command(resource.device.topic, asked))
  if (receipt?.receipt === 'node-offline' || receipt?.code === 'node-offline') {
    return [notReachable(address)]
  }
  return parameters
    .filter(({ isSilent }) => !isSilent)
    .map(({ name, value, error }) => error ?? resultOf(receipt, { name, value, address }))
}

/** What has to be seen: the original refuses it of a light that is off and stays off. */
function isOfDark(
  { name, error }: Parameter,
  body: Readonly<Record<string, unknown>>,
  light: Resource,
): boolean {
  const isSeen = actuatorOf(light)?.seen?.includes(name) === true
  return isSeen && error === undefined && body['on'] !== true && isLightOn(light) === false
}

function deviceOff(address: string, name: string): Element {
  const text = `parameter, ${name}, is not modifiable. Device is set to off.`
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

/** What any of the lights takes; all that ever go together can be turned on and off. */
function acceptorsOfAll(lights: readonly Resource[]): Acceptors {
  const all = lights.map(acceptorsOf)
  const names = new Set(['on', ...all.flatMap((acceptors) => Object.keys(acceptors))])
  const anyOf = (name: string) => (value: unknown) =>
    name === 'on' ? typeof value === 'boolean' : all.some((acceptors) => acceptors[name]?.(value))
  return Object.fromEntries([...names].map((name) => [name, anyOf(name)]))
}

/** Who commands, and under which address, such as `/groups/0/action`. */
interface Commander extends Pick<DialectUser, 'command'> {
  readonly address: string
}

/**
 * Commands all lights that the user may see, and answers each parameter of `body`; undefined when it
 * has none that count. Lights that are away are left out as long as others are there, as of the original.
 */
export async function commandGroup(
  lights: readonly Resource[],
  { toggle, ...rest }: Readonly<Record<string, unknown>>,
  { command, address }: Commander,
): Promise<Element[] | undefined> {
  const isToggled = toggle === true && rest['on'] === undefined
  const body = isToggled ? { ...rest, on: !groupStateOf(lights).any_on } : rest
  const parameters = readParameters(body, acceptorsOfAll(lights), address)
  const isWrong = toggle !== undefined && typeof toggle !== 'boolean'
  const errors = isWrong ? [invalidValue(address, 'toggle', toggle)] : []
  const answered = parameters.filter(({ isSilent }) => !isSilent)
  if (answered.length === 0) return errors.length === 0 ? undefined : errors
  const good = answered.filter(({ error }) => error === undefined)
  const commands = lights.flatMap((light) => {
    const lit = good.filter((parameter) => !isOfDark(parameter, body, light))
    const asked = askedOf(lit, light)
    return asked === undefined ? [] : command(light.device.topic, asked)
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
