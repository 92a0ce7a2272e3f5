/**
 * Home Assistant's MQTT discovery, as input: whatever announces itself to Home Assistant is a device here. Facts:
 * home-assistant/core, homeassistant/components/mqtt; www.home-assistant.io/integrations/mqtt.
 */
import { reasonOf } from '../../core/errors.ts'
import type {
  DeviceFacts,
  HeardMessage,
  Profile,
  ProfileHub,
  Report,
} from '../../nodes/profiles/profile.ts'
import { type Availability, availabilityOf } from './availability.ts'
import { entityIn } from './components.ts'
import { type EntityConfig, readDiscovery } from './config.ts'
import { type Entity, type SaidText, Settings, saidIn } from './settings.ts'

export const homeAssistant = homeAssistantProfile({ isBeside: false })

/** The same beside a broker that was there before, and perhaps a Home Assistant on it, which says so when it starts and never again. */
export const homeAssistantBeside = homeAssistantProfile({ isBeside: true })

function homeAssistantProfile({ isBeside }: { readonly isBeside: boolean }): Profile {
  return {
    name: 'home-assistant',
    isGeneric: true,
    open: (hub) => {
      const discovery = new Discovery(hub)
      const hear = (message: HeardMessage) => {
        // Nobody announces devices to Home Assistant, and has a broker keep that, where there is none.
        if (isBeside && message.isPast) discovery.hasOther = true
        discovery.hear(message)
      }
      hub.claim('configs', 'homeassistant/+/+/config', hear)
      hub.claim('configs', 'homeassistant/+/+/+/config', hear)
      hub.claim('birth', birthTopic, ({ payload }) => discovery.greeted(payload.bytes.toString()))
      hub.clock.after(birthDelayMs, () => discovery.greet())
    },
  }
}

const birthTopic = 'homeassistant/status'

/** So long another Home Assistant has to be heard of: it is greeted for only where there is none. */
const birthDelayMs = 5000

/** After a greeting gateways tell all that they remember; Zigbee2MQTT does so 30 seconds later. */
const remindersMs = 60_000

/** So many bytes a config may have: that of a component alone, and that of a device with all of its own. */
const mostBytes = { alone: 65_536, device: 1_048_576 }

/** What a config has announced. */
interface Announced {
  /** The config as it came: when it comes again nothing has changed. */
  readonly text: string
  readonly ids: ReadonlySet<string>
}

/** One entity, as it is open. */
interface OpenEntity {
  readonly id: string
  /** The topic of its config. */
  topic: string
  readonly timers: Timers
  /** What it has said last. */
  values: Report
  /** What its topics of availability say. */
  isThere: boolean | null
  /** Whether its last report is too old. */
  isExpired: boolean
}

interface Timers {
  off?: () => void
  expiry?: () => void
}

class Discovery {
  /** Whether there is a Home Assistant, or was. */
  hasOther = false
  readonly #hub: ProfileHub
  readonly #configs = new Map<string, Announced>()
  /** By what identifies an entity: its device, its component and its unique id. */
  readonly #entities = new Map<string, OpenEntity>()
  readonly #ids = new Set<string>()
  /** What is heard now, read for all entities that hear it one after the other. */
  #said: { readonly payload: object; readonly said: SaidText } | undefined
  #remindedUntilMs = Number.NEGATIVE_INFINITY

  constructor(hub: ProfileHub) {
    this.#hub = hub
  }

  /** Somebody has said whether a Home Assistant is there. */
  greeted(word: string): void {
    this.hasOther = true
    if (word === 'online') this.#remindedUntilMs = this.#hub.clock.nowMs() + remindersMs
  }

  /** Makes gateways tell of themselves, as they do to a Home Assistant that has started. */
  greet(): void {
    if (this.hasOther) return
    this.#remindedUntilMs = this.#hub.clock.nowMs() + remindersMs
    this.#hub.send({ topic: birthTopic, payload: 'online', qos: 0 })
  }

  hear(message: HeardMessage): void {
    const { topic, payload } = message
    const text = payload.bytes.toString()
    if (this.#configs.get(topic)?.text === text) return
    try {
      const most = topic.startsWith('homeassistant/device/') ? mostBytes.device : mostBytes.alone
      if (payload.bytes.length > most) throw new Error(`expected at most ${most} bytes`)
      const read = readDiscovery(topic, text === '' ? null : payload.value)
      if (read.what === 'entities') this.#announce(message, text, read.entities)
      else if (read.what === 'removal') this.#remove(topic)
      else if (read.what === 'migration') this.#unload(topic)
    } catch (error) {
      this.#hub.leaveOut(topic, reasonOf(error))
    }
  }

  /** Opens what is new or different, and forgets what this config does not have any more. */
  #announce(message: HeardMessage, text: string, configs: readonly EntityConfig[]): void {
    const { topic } = message
    const before = this.#configs.get(topic)?.ids ?? new Set()
    const ids = new Set<string>()
    for (const config of configs) {
      const key = keyOf(config)
      try {
        this.#open(message, key, config)
        ids.add(key)
      } catch (error) {
        const what = config.key === '' ? topic : `${topic} ${config.key}`
        this.#hub.leaveOut(what, reasonOf(error))
      }
    }
    this.#configs.set(topic, { text, ids })
    for (const key of before) if (!ids.has(key)) this.#forget(topic, key)
  }

  /** @throws Error with a sentence when the hub cannot make anything of it. */
  #open({ topic, isPast }: HeardMessage, key: string, config: EntityConfig): void {
    const settings = new Settings(config, this.#hub.clock)
    const entity = entityIn(settings)
    const availability = availabilityOf(settings)
    const known = this.#entities.get(key)
    // The one that was announced last is there: where a device was renamed its old config may remain.
    if (known !== undefined && known.topic !== topic && isPast && this.#configs.has(known.topic)) {
      throw new Error(`expected a unique_id of its own, got that of ${known.topic}`)
    }
    const open = known ?? this.#create(topic, config)
    open.topic = topic
    this.#entities.set(key, open)
    this.#close(open)
    try {
      this.#hub.device(open.id, factsOf(config, settings, entity))
      this.#listen(open, { entity, availability, settings })
    } catch (error) {
      this.#forget(topic, key)
      throw error
    }
  }

  #create(topic: string, config: EntityConfig): OpenEntity {
    const { uniqueId, node } = config
    // Some firmware gives two devices one id; within a device they are told apart by their component.
    const isFree = (id: string) => !this.#ids.has(id)
    const id = [uniqueId, `${node}/${uniqueId}`].find(isFree) ?? keyOf(config)
    this.#ids.add(id)
    return { id, topic, timers: {}, values: {}, isThere: null, isExpired: false }
  }

  #listen(open: OpenEntity, { entity, availability, settings }: Parts): void {
    const { id } = open
    const hub = this.#hub
    const byTopic = new Map<string, ((said: SaidText, message: HeardMessage) => void)[]>()
    const on = (topic: string, hear: (said: SaidText, message: HeardMessage) => void) => {
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), hear])
    }
    for (const topic of availability.topics) {
      on(topic, (said) => this.#available(open, { isThere: availability.hear(topic, said) }))
    }
    for (const { topic, hear } of entity.readings) {
      on(topic, (said, message) => {
        const report = entity.kind === 'event' && message.isPast ? undefined : hear(said)
        if (report !== undefined) this.#report(open, report, { entity, settings })
      })
    }
    const told = new Set(byTopic.keys())
    for (const { topic, hear } of entity.watched ?? []) {
      on(topic, (said, { isPast }) => {
        const asked = isPast ? undefined : hear(said)
        if (asked !== undefined) hub.observe(id, asked)
      })
    }
    this.#available(open, { isThere: availability.atFirst, isExpired: false })
    for (const [topic, hearings] of byTopic) {
      const hearAll = (message: HeardMessage) => {
        const said = this.#saidIn(message)
        for (const hear of hearings) hear(said, message)
      }
      if (told.has(topic)) hub.claim(id, topic, hearAll)
      else this.#watch(open, topic, hearAll)
    }
  }

  /** What others command is followed where that may be heard; who may not hear it is not believed in the end, either. */
  #watch({ id, topic: config }: OpenEntity, topic: string, hear: (said: HeardMessage) => void) {
    try {
      this.#hub.claim(id, topic, hear)
    } catch (error) {
      this.#hub.leaveOut(`${config}: what is commanded on ${topic}`, reasonOf(error))
    }
  }

  /** Read once for all entities of a topic. */
  #saidIn(message: HeardMessage): SaidText {
    if (this.#said?.payload === message.payload) return this.#said.said
    const said = saidIn(message)
    this.#said = { payload: message.payload, said }
    return said
  }

  #report(
    open: OpenEntity,
    report: Report,
    { entity, settings }: Omit<Parts, 'availability'>,
  ): void {
    const { id, timers } = open
    const { clock } = this.#hub
    const isReminder = clock.nowMs() < this.#remindedUntilMs && isKnown(report, open.values)
    open.values = { ...open.values, ...report }
    this.#hub.report(id, report, isReminder ? 'memory' : 'device')
    timers.off?.()
    const { seconds = 0, when } = entity.afterwards ?? {}
    const afterwards = when?.(report)
    if (afterwards !== undefined) {
      timers.off = clock.after(seconds * 1000, () => this.#hub.report(id, afterwards))
    }
    const expirySeconds = settings.number('expire_after') ?? 0
    if (expirySeconds <= 0) return
    timers.expiry?.()
    this.#available(open, { isExpired: false })
    timers.expiry = clock.after(expirySeconds * 1000, () => {
      this.#available(open, { isExpired: true })
    })
  }

  #available(open: OpenEntity, now: Partial<Pick<OpenEntity, 'isThere' | 'isExpired'>>): void {
    Object.assign(open, now)
    this.#hub.available(open.id, open.isExpired ? false : open.isThere)
  }

  #close({ id, timers }: OpenEntity): void {
    timers.off?.()
    timers.expiry?.()
    this.#hub.release(id)
  }

  /** What the config on `topic` has announced is not heard any more, until another one announces it. */
  #unload(topic: string): void {
    const announced = this.#configs.get(topic)
    for (const key of announced?.ids ?? []) {
      const open = this.#entities.get(key)
      if (open?.topic === topic) this.#close(open)
    }
    if (announced !== undefined) this.#configs.set(topic, { ...announced, text: '' })
  }

  #remove(topic: string): void {
    const announced = this.#configs.get(topic)
    this.#configs.delete(topic)
    for (const key of announced?.ids ?? []) this.#forget(topic, key)
  }

  /** Forgets an entity, unless another config announces it by now. */
  #forget(topic: string, key: string): void {
    const open = this.#entities.get(key)
    if (open === undefined || open.topic !== topic) return
    this.#close(open)
    this.#entities.delete(key)
    this.#ids.delete(open.id)
    this.#hub.forget(open.id)
  }
}

interface Parts {
  readonly entity: Entity
  readonly availability: Availability
  readonly settings: Settings
}

function never(): boolean {
  return false
}

function keyOf({ node, component, uniqueId }: EntityConfig): string {
  return JSON.stringify([node, component, uniqueId])
}

function factsOf(config: EntityConfig, settings: Settings, entity: Entity): DeviceFacts {
  const { node, uniqueId, device } = config
  const about = settings.wordIn('device_class')
  const { kind, ask, askKeys = [], ranges = {}, isConfirmable = never, tolerance } = entity
  return {
    node,
    kind,
    part: uniqueId,
    name: nameOf(config, settings),
    ...(about !== undefined && { about }),
    ...(device.model !== undefined && { model: device.model }),
    ...(device.firmware !== undefined && { firmware: device.firmware }),
    ...(ask !== undefined && { ask, askKeys, ranges, isConfirmable }),
    ...(tolerance !== undefined && { tolerance }),
    stateTopics: [...new Set(entity.readings.map(({ topic }) => topic))],
  }
}

/** The device's name and the entity's own; null is for what is all that a device does. */
function nameOf({ device, objectId }: EntityConfig, settings: Settings): string {
  const own = settings.value('name')
  const name = own === null ? '' : (settings.wordIn('name') ?? objectId)
  if (device.name === undefined) return name || objectId
  return name === '' || name.startsWith(device.name)
    ? name || device.name
    : `${device.name} ${name}`
}

/** Whether all of a report was said before. */
function isKnown(report: Report, values: Report): boolean {
  return Object.entries(report).every(
    ([name, value]) => JSON.stringify(values[name]) === JSON.stringify(value),
  )
}
