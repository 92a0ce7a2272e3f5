/** What GET answers. */
import { setImmediate as turnOver } from 'node:timers/promises'
import type { Visitor } from '../../nodes/served/visitors.ts'
import { notAvailable, resourceAnswer } from './answers.ts'
import { type Act, type Asked, decoded, lightsOf, type RestParts, withShown } from './asked.ts'
import { fullConfig, secondOf } from './gateway.ts'
import { groupOfAll, resourceOf, shownOf } from './resources.ts'

export const getAll: Act = async ({ request, key, visitor }, parts) => {
  const config = configAnswered({ request, key }, parts)
  const lists = {
    lights: await mapOf('lights', visitor, parts),
    sensors: await mapOf('sensors', visitor, parts),
  }
  const nothing = { groups: {}, resourcelinks: {}, rules: {}, scenes: {}, schedules: {} }
  const whole = { alarmsystems: {}, config: config.whole, ...nothing, ...lists }
  return resourceAnswer(request, whole, { ...lists, config: config.stable })
}

function configAnswered({ request, key }: Pick<Asked, 'request' | 'key'>, parts: RestParts) {
  const { context, identity, keyMakers } = parts
  const own = context.keys.find(decoded(key))
  const times = own && {
    'create date': secondOf(own.createdAtMs),
    'last use date': secondOf(own.usedAtMs),
    name: own.label,
  }
  return fullConfig(request, {
    identity,
    isUnlocked: keyMakers.isUnlocked,
    port: context.port(),
    nowMs: context.clock.wallMs(),
    whitelist: { [key]: times },
  })
}

export const getConfig: Act = ({ request, key }, parts) => {
  const { whole, stable } = configAnswered({ request, key }, parts)
  return resourceAnswer(request, whole, stable)
}

/** So many resources are told before others have their turn: some 10 ms. */
const resourcesPerTurn = 500

async function mapOf(resource: string, visitor: Visitor, { context, ...parts }: RestParts) {
  const { telling, names } = parts
  const map: Record<string, unknown> = {}
  let told = 0
  for (const device of context.devices.all()) {
    const shown = visitor.mayRead(device.topic) ? shownOf(device) : undefined
    if (shown?.column.resource !== resource) continue
    map[device.number] = resourceOf(shown, { memory: telling.memory, nameOf: names.of })
    if (++told % resourcesPerTurn === 0) await turnOver()
  }
  return map
}

export const getList: Act = async ({ request, path, visitor }, parts) =>
  resourceAnswer(request, await mapOf(String(path[0]), visitor, parts))

export const getOne = withShown((shown, { request }, { telling, names }) =>
  resourceAnswer(request, resourceOf(shown, { memory: telling.memory, nameOf: names.of })),
)

export const getGroup: Act = ({ request, path, visitor }, parts) => {
  if (path[1] !== '0') return notAvailable(`/${path.join('/')}`)
  return resourceAnswer(request, groupOfAll(lightsOf(visitor, parts)))
}

/** What the hub has nothing of. */
export const getNothing: Act = ({ request, path }) =>
  resourceAnswer(request, path[0] === 'devices' ? [] : {})
