/**
 * A Jeedom, of which the hub is a client: its API (JSON-RPC) tells what there is and executes commands, the websocket
 * plugin tells what happens; where that is missing, the API is polled. Facts: jeedom/core, nioc/jeedom-websocket.
 */

import { quote } from '../../core/errors.ts'
import { detached } from '../../core/guard.ts'
import { fieldOf, isRecord } from '../../core/json.ts'
import { changesCodec, type JeedomEvent, keyCodec } from '../../dialects/jeedom/frames.ts'
import type { Ask } from '../../nodes/profiles/profile.ts'
import { FarConversation } from '../far-conversation.ts'
import { endingOf, FarFailure } from '../far-http.ts'
import type { SocketEnding } from '../far-websocket.ts'
import {
  type FarSystem,
  type LinkEvents,
  nobody,
  secretOf,
  type UpstreamLanguage,
} from '../upstream.ts'
import { type EquipmentPart, type Execution, equipmentParts, type Info } from './equipment.ts'

export const jeedomBox: UpstreamLanguage = {
  open: (far) => {
    const house = new Equipment(far)
    return (link) => {
      const box = new Box(far, { link, house })
      return () => box.end()
    }
  },
}

/** All is read again so often, since the plugin may lose events; and so soon when something unknown is heard of. */
const refreshMs = { regular: 600_000, unknown: 1000 }

/** Who comes with a wrong key is sent away by then: a second, and two times the two seconds after which the plugin looks. */
const suspiciousMs = 5000

/** A command may take so long; a poll waits so long for something to happen, and so long passes between two of them. */
const patienceMs = { command: 8000, poll: 20_000, betweenPolls: 500 }

/** The port of the plugin as it is installed. */
const pluginPort = 8090

/** RFC 6455, 7.4.1. The plugin ends with it whatever it does not like. */
const normalClosure = 1000

/** The plugin tells some events twice: so many are remembered. */
const mostRemembered = 1000

/** One connection. */
class Box {
  readonly #far: FarSystem
  readonly #talk: FarConversation
  readonly #house: Equipment
  readonly #key: string
  readonly #seen = new Set<string>()
  #openedMs: number | undefined
  #since = 0
  #isConnected = false

  constructor(
    far: FarSystem,
    { link, house }: { readonly link: LinkEvents; readonly house: Equipment },
  ) {
    this.#far = far
    this.#talk = new FarConversation(far, link)
    this.#house = house
    this.#key = secretOf(far, 'keyFile')
    house.execute = (id, executions) => detached(this.#execute(id, executions))
    house.strange = () => this.#talk.within(refreshMs.unknown, this.#look)
    const { protocol, hostname, origin } = new URL(far.settings.url)
    const scheme = protocol === 'https:' ? 'wss' : 'ws'
    const usual = `${scheme}://${hostname}:${pluginPort}/`
    const url = new URL(far.settings.websocketUrl ?? usual)
    // The plugin lets in who comes from a page of Jeedom, as its address is in its settings.
    const socket = this.#talk.dial(
      { url, headers: { Origin: origin } },
      {
        opened: () => {
          this.#openedMs = far.clock.nowMs()
          socket.send(keyCodec.encode(this.#key))
          this.#talk.try(this.#look)
        },
        said: (text) => this.#said(text),
        gone: (ending) => this.#socketGone(ending, origin),
      },
    )
  }

  end(): void {
    this.#talk.end()
  }

  #socketGone(ending: SocketEnding, origin: string): void {
    const { status, code, isRefused } = ending
    if (this.#openedMs === undefined && status !== 403 && isRefused !== true) {
      this.#talk.try(() => this.#poll())
      return
    }
    const host = quote(new URL(origin).hostname)
    const isEarly = this.#far.clock.nowMs() - (this.#openedMs ?? 0) < suspiciousMs
    if (status === 403) {
      const hint = `its allowed hosts have to have ${host}`
      this.#talk.gone({
        reason: `expected the plugin to let the hub in, got HTTP 403: ${hint}`,
        isRefused: true,
      })
    } else if (code === normalClosure && isEarly) {
      const reason = 'expected the plugin to take the key, it has closed the connection'
      this.#talk.gone({ reason: `${reason}: it takes the keys of users only`, isRefused: true })
    } else this.#talk.gone(ending)
  }

  /** Where there is no plugin. */
  async #poll(): Promise<void> {
    await this.#look()
    for (;;) {
      const asked = { datetime: this.#since, longPolling: patienceMs.poll / 1000 }
      const changes = await this.#call('event::changes', asked, patienceMs.poll * 2)
      this.#said(JSON.stringify(changes))
      await this.#talk.http.pause(patienceMs.betweenPolls)
    }
  }

  #said(text: string): void {
    const changes = changesCodec.decode(text)
    if (changes === undefined) {
      this.#talk.gone({ reason: `expected events of Jeedom, got ${quote(text)}` })
      return
    }
    // By its own clock, which may have been set back.
    this.#since = changes.datetime
    for (const event of changes.result) if (this.#isNew(event)) this.#house.event(event)
  }

  #isNew({ datetime, name, option }: JeedomEvent): boolean {
    const text = JSON.stringify([String(datetime), name, option])
    if (this.#seen.has(text)) return false
    this.#seen.add(text)
    const [oldest = text] = this.#seen
    if (this.#seen.size > mostRemembered) this.#seen.delete(oldest)
    return true
  }

  /** Reads all that there is. */
  readonly #look = async (): Promise<void> => {
    this.#talk.after(refreshMs.regular, this.#look)
    this.#far.devices.asked()
    const objects = await this.#full()
    const inRooms = objects.flatMap((object) => listIn(object, 'eqLogics'))
    const ids = new Set(inRooms.map(idIn))
    const all = listOf(await this.#call('eqLogic::all'))
    const others = all.filter((equipment) => !ids.has(idIn(equipment)))
    const commands = others.length === 0 ? [] : listOf(await this.#call('cmd::all'))
    const withCommands = others.filter(isRecord).map((equipment) => {
      const isIts = (command: unknown) => String(fieldOf(command, 'eqLogic_id')) === idIn(equipment)
      return { ...equipment, cmds: commands.filter(isIts) }
    })
    this.#house.picture([...inRooms, ...withCommands])
    if (this.#isConnected) return
    this.#isConnected = true
    this.#talk.connected()
  }

  /** Its name has changed with version 4. */
  async #full(): Promise<readonly unknown[]> {
    try {
      return listOf(await this.#call('jeeObject::full'))
    } catch (error) {
      if (!(error instanceof RpcFailure) || error.code !== noSuchMethod) throw error
      return listOf(await this.#call('object::full'))
    }
  }

  async #call(method: string, params: object = {}, timeoutMs = 10_000): Promise<unknown> {
    const json = { jsonrpc: '2.0', id: 1, method, params: { apikey: this.#key, ...params } }
    const path = '/core/api/jeeApi.php'
    const answer = await this.#talk.http.json({ method: 'POST', path, json, timeoutMs })
    const error = fieldOf(answer, 'error')
    if (error !== undefined) throw new RpcFailure(fieldOf(error, 'code'), fieldOf(error, 'message'))
    const result = fieldOf(answer, 'result')
    if (result !== undefined) return result
    throw new FarFailure(`expected a result of ${method}, got ${quote(JSON.stringify(answer))}`)
  }

  /** What is not done in time is cut off, and never done later. */
  async #execute(id: string, executions: readonly Execution[]): Promise<void> {
    try {
      for (const execution of executions) {
        await this.#call('cmd::execCmd', execution, patienceMs.command)
      }
    } catch (error) {
      this.#far.devices.refuse(id, endingOf(error).reason)
    }
  }
}

/** The codes that come out of Jeedom: 2 is a wrong key, and the address is banned after six of them. */
const wrongKey = 2
const noSuchMethod = 500

class RpcFailure extends FarFailure {
  readonly code: number

  constructor(code: unknown, message: unknown) {
    const isWrongKey = Number(code) === wrongKey
    const expected = isWrongKey ? 'expected a key that Jeedom knows, it says' : 'Jeedom says'
    super(`${expected} ${quote(String(message))} (${String(code)})`, isWrongKey)
    this.code = Number(code)
  }
}

/** An empty list comes as `"ok"`. */
function listOf(result: unknown): readonly unknown[] {
  if (result === 'ok') return []
  if (Array.isArray(result)) return result
  throw new FarFailure(`expected a list of Jeedom, got ${quote(JSON.stringify(result))}`)
}

function listIn(object: unknown, key: string): readonly unknown[] {
  const list = fieldOf(object, key)
  return Array.isArray(list) ? list : []
}

function idIn(equipment: unknown): string {
  return String(fieldOf(equipment, 'id'))
}

/** What Jeedom has, for as long as the hub runs. */
class Equipment {
  readonly #far: FarSystem
  /** What shows what, by the ids of info commands. */
  readonly #infos = new Map<string, { readonly id: string; readonly info: Info }[]>()
  readonly #unknown = new Set<string>()
  execute: (id: string, executions: readonly Execution[]) => void = nobody
  /** Something tells of itself that was not there. */
  strange: () => void = nobody

  constructor(far: FarSystem) {
    this.#far = far
    far.devices.remember(({ node, kind, part = '-' }) => `${node}/${kind}/${part}`)
  }

  picture(equipment: readonly unknown[]): void {
    this.#infos.clear()
    const parts = equipment.flatMap(equipmentParts)
    for (const part of parts) this.#learn(part)
    this.#far.devices.keepOnly(new Set(parts.map(({ id }) => id)))
  }

  #learn({ id, facts, isThere, infos, write }: EquipmentPart): void {
    const { devices } = this.#far
    const asking = write && {
      ask: (asked: Ask) => {
        const executions = write(asked)
        return () => this.execute(id, executions)
      },
    }
    devices.declare(id, { ...facts, ...asking })
    devices.available(id, isThere)
    for (const [command, info] of infos) {
      this.#infos.set(command, [...(this.#infos.get(command) ?? []), { id, info }])
    }
    const said = [...infos.values()].map((info) => info.read(info.value))
    devices.report(id, Object.assign({}, ...said), 'memory')
  }

  event({ name, option }: JeedomEvent): void {
    if (name === 'eqLogic::update') this.strange()
    if (name !== 'cmd::update') return
    const id = String(fieldOf(option, 'cmd_id'))
    const shown = this.#infos.get(id) ?? []
    for (const { id: device, info } of shown) {
      this.#far.devices.report(device, info.read(fieldOf(option, 'value')))
    }
    if (shown.length > 0 || this.#unknown.has(id)) return
    this.#unknown.add(id)
    this.strange()
  }
}
