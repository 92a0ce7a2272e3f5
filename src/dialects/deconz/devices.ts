/**
 * `/devices`, the newer part of the API: what a gateway knows of devices themselves, and what clients draw their
 * pages of. What a light or sensor says is in `resources.ts`.
 */
import { type EventMemory, shortRelease } from '../event-memory.ts'
import { notAvailable, resourceAnswer } from './answers.ts'
import {
  addressOf,
  configSection,
  describeResource,
  type Names,
  type Resource,
  secondUtcOf,
  stateSection,
  uniqueIdOf,
} from './resources.ts'
import {
  type Act,
  decoded,
  type RestParts,
  type RestRequest,
  type RestRoute,
  seenResources,
} from './route.ts'

interface DeviceParts {
  readonly memory: EventMemory
  readonly names: Names
}

/** A device by its resources, as `GET /devices/<address>` answers it. */
function describeDevice(
  resources: readonly [Resource, ...Resource[]],
  { memory, names }: DeviceParts,
): Record<string, unknown> {
  const [first] = resources
  const { lastseen, manufacturername, modelid, name, swversion } = describeResource(first, {
    memory,
    nameOf: names.of,
  })
  return {
    lastannounced: null,
    ...{ lastseen, manufacturername, modelid, name },
    productid: modelid,
    subdevices: resources.map((resource) => ({
      config: timed(configSection(resource), resource),
      state: timed(stateSection(resource, memory), resource),
      type: resource.column.type,
      uniqueid: uniqueIdOf(resource),
    })),
    swversion,
    uniqueid: addressOf(first),
  }
}

/** Each item with the time of its value. */
function timed(section: Readonly<Record<string, unknown>>, { device }: Resource) {
  const lastupdated = secondUtcOf(device.heardAtMs)
  const items = Object.entries(section).filter(([name]) => name !== 'lastupdated')
  return Object.fromEntries(items.map(([name, value]) => [name, { lastupdated, value }]))
}

/**
 * What the device is made of, as a "device description file" of the original: its sub-devices, and the names of their
 * items. `isFull`: with what else is known of each item.
 */
function descriptionFile(
  resources: readonly [Resource, ...Resource[]],
  { memory, isFull }: { readonly memory: EventMemory; readonly isFull: boolean },
): Record<string, unknown> {
  const [{ device }] = resources
  return {
    schema: 'devcap1.schema.json',
    manufacturername: 'Clown.Hub',
    modelid: device.kind,
    product: device.kind,
    sleeper: false,
    status: 'Gold',
    subdevices: resources.map((resource) => ({
      type: resource.column.type,
      restapi: `/${resource.column.resource}`,
      uuid: uuidOf(resource),
      items: itemsOf(resource, memory).map(([name, value]) => ({
        name,
        ...(isFull && { type: typeNameOf(value) }),
      })),
    })),
  }
}

/** How a unique id is made, where `$address.ext` stands for the address of the device. */
function uuidOf(resource: Resource): string[] {
  const [, endpoint, cluster] = uniqueIdOf(resource).split('-')
  return [
    '$address.ext',
    `0x${endpoint}`,
    ...(cluster === undefined ? [] : [`0x${cluster.toUpperCase()}`]),
  ]
}

/** All that a resource says, by names such as `state/on`. */
function itemsOf(resource: Resource, memory: EventMemory): [name: string, value: unknown][] {
  const sections = { config: configSection(resource), state: stateSection(resource, memory) }
  return Object.entries(sections).flatMap(([section, items]) =>
    Object.entries(items).map(([name, value]): [string, unknown] => [`${section}/${name}`, value]),
  )
}

function typeNameOf(value: unknown): string {
  const names: Readonly<Record<string, string>> = { boolean: 'bool', number: 'int32' }
  return names[typeof value] ?? 'string'
}

/** The actions of buttons as the original names them, by the last three digits of `buttonevent`. */
const buttonActions: Readonly<Record<number, string>> = { 2: 'SHORT_RELEASE' }

/**
 * What an item of a resource can be: `GET /devices/<unique id>/state/buttonevent/introspect`. From it clients learn
 * what buttons are called and what can happen to them. Undefined when there is no such item.
 */
function introspected(
  resource: Resource,
  item: string,
  { memory, names }: DeviceParts,
): Record<string, unknown> | undefined {
  const found = itemsOf(resource, memory).find(([name]) => name === item)
  if (found === undefined) return undefined
  if (item !== 'state/buttonevent') return { type: typeNameOf(found[1]) }
  const button = Math.floor(shortRelease / 1000)
  const action = buttonActions[shortRelease % 1000]
  return {
    type: 'int32',
    buttons: { [button]: { name: names.of(resource) } },
    values: { [shortRelease]: { action, button } },
  }
}

// --- devices, by their addresses ---

const getDevices: Act = ({ request, dialectUser }, parts) => {
  const addresses = seenResources(dialectUser, parts).map(addressOf)
  return resourceAnswer(request, [...new Set(addresses)])
}

/** Answers what `describe` makes of the device that the path names. */
function withDevice(
  describe: (
    resources: readonly [Resource, ...Resource[]],
    restRequest: RestRequest,
    parts: RestParts,
  ) => unknown,
): Act {
  return (restRequest, parts) => {
    const { request, path, dialectUser } = restRequest
    const address = decoded(String(path[1])).toLowerCase()
    const [first, ...others] = seenResources(dialectUser, parts).filter(
      (resource) => addressOf(resource) === address,
    )
    if (first === undefined) return notAvailable(`/${path.join('/')}`)
    return resourceAnswer(request, describe([first, ...others], restRequest, parts))
  }
}

const getDevice = withDevice((resources, _, { events: { memory }, names }) =>
  describeDevice(resources, { memory, names }),
)

const getDescriptionFile = withDevice((resources, { path }, { events: { memory } }) =>
  descriptionFile(resources, { memory, isFull: path[2] === 'ddffull' }),
)

/** The original has nothing to say of a device as a whole, either. */
const getIntrospection = withDevice(() => ({ introspect: false }))

/** By the unique id of a light or sensor, and one of its items, such as `state/buttonevent`. */
const getItemIntrospection: Act = ({ request, path, dialectUser }, parts) => {
  const [, id, section, item] = path
  const { events, names } = parts
  const uniqueId = decoded(String(id)).toLowerCase()
  const resource = seenResources(dialectUser, parts).find((one) => uniqueIdOf(one) === uniqueId)
  const wanted = { memory: events.memory, names }
  const found = resource && introspected(resource, `${section}/${item}`, wanted)
  return found ? resourceAnswer(request, found) : notAvailable(`/${path.join('/')}`)
}

export const deviceRoutes: readonly RestRoute[] = [
  { method: 'GET', pattern: ['devices'], act: getDevices },
  { method: 'GET', pattern: ['devices', '*'], act: getDevice },
  { method: 'GET', pattern: ['devices', '*', 'ddf|ddffull'], act: getDescriptionFile },
  { method: 'GET', pattern: ['devices', '*', 'introspect'], act: getIntrospection },
  { method: 'GET', pattern: ['devices', '*', '*', '*', 'introspect'], act: getItemIntrospection },
]
