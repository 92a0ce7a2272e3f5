/**
 * A deCONZ gateway (Phoscon, Conbee), of which the hub is a client: REST tells what there is and takes commands, the
 * websocket tells what happens. Facts: dresden-elektronik/deconz-rest-plugin and its documentation.
 */

import { quote } from '../../core/errors.ts'
import { fieldOf, isRecord, parseJson } from '../../core/json.ts'
import type { Ask, DeviceFacts } from '../../nodes/profiles/profile.ts'
import { FarConversation } from '../far-conversation.ts'
import { commandMs, FarFailure } from '../far-http.ts'
import {
  type FarSystem,
  type LinkEvents,
  nobody,
  secretOf,
  type UpstreamLanguage,
} from '../upstream.ts'
import {
  buttonEventOf,
  type FarResource,
  idOf,
  type ResourceName,
  readResource,
  resourceNames,
  type Section,
  sectionsOf,
} from './resources.ts'

export const deconzGateway: UpstreamLanguage = {
  open: (far) => {
    const house = new House(far)
    return (link) => {
      const gateway = new Gateway(far, { link, house })
      return () => gateway.end()
    }
  },
}

/** All is read again so often, since events can be lost; and so soon when something unknown is heard of. */
const refreshMs = { regular: 600_000, unknown: 1000 }

/** More than so many events do not come while the first picture is read. */
const mostEarly = 10_000

/** A gateway that is busy is asked again, so often and so soon. */
const busy = { tries: 3, pauseMs: 300 }

/** One connection. */
class Gateway {
  readonly #far: FarSystem
  readonly #talk: FarConversation
  readonly #house: House
  readonly #key: string
  /** What came before the first picture; undefined once that is there. */
  #early: Section[] | undefined = []

  constructor(
    far: FarSystem,
    { link, house }: { readonly link: LinkEvents; readonly house: House },
  ) {
    this.#far = far
    this.#talk = new FarConversation(far, link)
    this.#house = house
    this.#key = secretOf(far, 'keyFile')
    house.put = (...put) => this.#talk.try(() => this.#command(...put))
    this.#talk.try(() => this.#listen())
  }

  end(): void {
    this.#talk.end()
  }

  #get(path: string): Promise<unknown> {
    return this.#talk.http.json({ path: this.#path(path) })
  }

  #path(below: string): string {
    return `/api/${encodeURIComponent(this.#key)}${below}`
  }

  /** The port may be another one after each update of the gateway. */
  async #listen(): Promise<void> {
    const config = await this.#get('/config')
    const url = this.#socketUrl(config)
    this.#talk.dial(
      { url, headers: {} },
      {
        opened: () => this.#talk.try(this.#look),
        said: (text) => this.#said(text),
        gone: (ending) => this.#talk.gone(ending),
      },
    )
  }

  #socketUrl(config: unknown): URL {
    const { url, websocketUrl } = this.#far.settings
    const [plain, secure] = [fieldOf(config, 'websocketport'), fieldOf(config, 'websocketport_wss')]
    // Whoever comes with a wrong key is told what everybody may know, with HTTP 200.
    if (typeof plain !== 'number') {
      const expected = 'expected a key that the gateway knows'
      throw new FarFailure(`${expected}, it has answered as it does to strangers`, true)
    }
    if (websocketUrl !== undefined) return new URL(websocketUrl)
    const isSecure = url.startsWith('https:') && typeof secure === 'number'
    const { hostname } = new URL(url)
    return new URL(`${isSecure ? 'wss' : 'ws'}://${hostname}:${isSecure ? secure : plain}/`)
  }

  /** Reads all that there is. */
  readonly #look = async (): Promise<void> => {
    this.#far.devices.asked()
    const all = await this.#get('')
    if (!isRecord(all) || resourceNames.some((name) => !isRecord(all[name]))) {
      throw new FarFailure(`expected lights, groups and sensors, got ${quote(JSON.stringify(all))}`)
    }
    this.#house.picture(all)
    if (this.#early !== undefined) this.#talk.connected()
    const early = this.#early ?? []
    this.#early = undefined
    this.#talk.after(refreshMs.regular, this.#look)
    for (const event of early) this.#event(event)
  }

  #said(text: string): void {
    const event = parseJson(text)
    if (!isRecord(event)) {
      this.#talk.gone({ reason: `expected an event as JSON, got ${quote(text)}` })
    } else if (this.#early === undefined) this.#event(event)
    else if (this.#early.length < mostEarly) this.#early.push(event)
  }

  #event(event: Section): void {
    if (event['t'] === 'event' && !this.#house.event(event))
      this.#talk.within(refreshMs.unknown, this.#look)
  }

  async #command(id: string, below: string, body: Section): Promise<void> {
    const path = this.#path(below)
    for (let tries = 1; ; tries++) {
      const put = { method: 'PUT', path, json: body, timeoutMs: commandMs } as const
      const problems = problemsIn(await this.#talk.http.json(put))
      const isBusy = problems.length > 0 && problems.every(({ type }) => busyTypes.has(type))
      if (!isBusy || tries === busy.tries) {
        const reasons = problems.map(({ description }) => description).join('; ')
        if (reasons !== '') this.#far.devices.refuse(id, reasons)
        return
      }
      await this.#talk.http.pause(busy.pauseMs)
    }
  }
}

interface Problem {
  readonly type: unknown
  readonly description: string
}

/** Internal error 951 comes as 901, or as itself with HTTP 503. */
const busyTypes: ReadonlySet<unknown> = new Set([901, 951])

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
}

/** One element a parameter: what was done, and what was not. */
function problemsIn(answer: unknown): readonly Problem[] {
  if (!Array.isArray(answer)) {
    return [{ type: undefined, description: `it has answered ${quote(JSON.stringify(answer))}` }]
  }
  return answer.flatMap((part: unknown) => {
    const error = fieldOf(part, 'error')
    if (error === undefined) return []
    const description = String(fieldOf(error, 'description') ?? JSON.stringify(error))
    const plain = description.replace(
      /&(?:lt|gt|quot|#39|amp);/g,
      (entity) => `${entities[entity]}`,
    )
    return [{ type: fieldOf(error, 'type'), description: plain }]
  })
}

/** A resource of the gateway, as it is known now. */
interface Thing {
  readonly name: ResourceName
  /** Its number there, which may change. */
  readonly number: string
  readonly resource: FarResource
  /** The last press of a button: told again it is none. */
  lastPress: string
  asked: Ask
}

/** What the gateway has, for as long as the hub runs. */
class House {
  readonly #far: FarSystem
  readonly #things = new Map<string, Thing>()
  /** Ids by where the resources are there, such as `lights/5`. */
  readonly #idAt = new Map<string, string>()
  put: (id: string, path: string, body: Section) => void = nobody

  constructor(far: FarSystem) {
    this.#far = far
    far.devices.remember(idOf)
  }

  /** All that there is: what is missing is gone. */
  picture(all: Section): void {
    this.#idAt.clear()
    const ids = resourceNames.flatMap((name) =>
      Object.entries(Object(all[name])).flatMap(([number, body]) =>
        isRecord(body) ? this.#learn(name, number, body) : [],
      ),
    )
    const there = new Set(ids)
    for (const id of this.#things.keys()) if (!there.has(id)) this.#things.delete(id)
    this.#far.devices.keepOnly(there)
  }

  /** Returns whether it was about something that is known, and where it was. */
  event(event: Section): boolean {
    const { e, r, id, gid, scid } = event
    if (e === 'scene-called') {
      this.#far.devices.report(scenesId(String(gid)), { event: this.#sceneOf(gid, scid) })
      return true
    }
    const name = resourceNames.find((each) => each === r)
    // The group of all lights has no place of its own.
    if (name === undefined || (name === 'groups' && (id === '0' || id === '65520'))) return true
    const number = String(id)
    if (e === 'added') return this.#added(name, number, event)
    const thing = this.#thingOf(name, number, event)
    if (thing === undefined) return e === 'deleted'
    if (e === 'deleted') this.#forget(thing)
    else this.#changed(thing, event)
    return thing.number === number
  }

  #added(name: ResourceName, number: string, event: Section): boolean {
    const body = event[name.slice(0, -1)]
    if (!isRecord(body)) return false
    this.#learn(name, number, body)
    return true
  }

  /** By what it is, and by where it is only if the event does not say that. */
  #thingOf(name: ResourceName, number: string, { uniqueid }: Section): Thing | undefined {
    const place = `${name}/${number}`
    const id = typeof uniqueid === 'string' ? uniqueid : this.#idAt.get(place)
    return this.#things.get(String(id))
  }

  #forget({ name, number, resource: { id } }: Thing): void {
    this.#things.delete(id)
    this.#idAt.delete(`${name}/${number}`)
    this.#far.devices.forget(id)
    this.#far.devices.forget(scenesId(number))
  }

  /** A resource as a whole; returns the ids of the devices that it is. */
  #learn(name: ResourceName, number: string, body: Section): string[] {
    const resource = readResource(name, number, body)
    if (resource === undefined) return []
    const { id } = resource
    const known = this.#things.get(id)
    const sections = sectionsOf(body)
    const thing: Thing = {
      ...{ name, number, resource, asked: known?.asked ?? {} },
      lastPress: known?.lastPress ?? pressOf(sections),
    }
    this.#things.set(id, thing)
    this.#idAt.set(`${name}/${number}`, id)
    this.#declare(thing)
    this.#far.devices.available(id, sections['reachable'] !== false)
    this.#far.devices.report(id, resource.read(sections, thing.asked), 'memory')
    return name === 'groups' ? [id, ...this.#learnScenes(number, body)] : [id]
  }

  #declare(thing: Thing, called = thing.resource.facts.name): void {
    const { name, number, resource } = thing
    const { id, command } = resource
    const facts: DeviceFacts = { ...resource.facts, name: called }
    if (command === undefined) {
      this.#far.devices.declare(id, facts)
      return
    }
    const path = `/${name}/${number}/${command.at}`
    const ask = (asked: Ask) => {
      const body = command.write(asked)
      thing.asked = asked
      return () => this.put(id, path, body)
    }
    this.#far.devices.declare(id, { ...facts, ask })
  }

  readonly #scenes = new Map<string, string>()

  #sceneOf(gid: unknown, scid: unknown): string {
    return this.#scenes.get(`${gid}/${scid}`) ?? String(scid)
  }

  /** A group that has scenes tells which one is called. */
  #learnScenes(number: string, { scenes, name }: Section): string[] {
    if (!Array.isArray(scenes) || scenes.length === 0) return []
    for (const scene of scenes) {
      const [id, called] = [fieldOf(scene, 'id'), fieldOf(scene, 'name')]
      if (typeof called === 'string') this.#scenes.set(`${number}/${id}`, called)
    }
    const id = scenesId(number)
    const place = { node: 'groups', kind: 'event', part: `${number}-scenes` } as const
    this.#far.devices.declare(id, { ...place, name: `Scenes of ${String(name)}` })
    this.#far.devices.available(id, true)
    return [id]
  }

  #changed(thing: Thing, event: Section): void {
    const { resource } = thing
    const { devices } = this.#far
    const { name, attr } = event
    const called = fieldOf(attr, 'name') ?? name
    if (typeof called === 'string') this.#declare(thing, called)
    const sections = sectionsOf(event)
    if (typeof sections['reachable'] === 'boolean') {
      devices.available(resource.id, sections['reachable'])
    }
    const report = { ...resource.read(sections, thing.asked), ...pressed(thing, sections) }
    if (Object.keys(report).length > 0) devices.report(resource.id, report)
  }
}

function scenesId(number: string): string {
  return `groups-${number}-scenes`
}

function pressOf({ buttonevent, lastupdated }: Section): string {
  return `${buttonevent} ${lastupdated}`
}

function pressed(thing: Thing, sections: Section): { readonly event?: string } {
  const event = buttonEventOf(sections['buttonevent'])
  const press = pressOf(sections)
  if (event === undefined || press === thing.lastPress) return {}
  thing.lastPress = typeof sections['lastupdated'] === 'string' ? press : ''
  return { event }
}
