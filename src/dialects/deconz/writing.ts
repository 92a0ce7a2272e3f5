/** What PUT and DELETE change. */
import { isRecord } from '../../core/json.ts'
import type { ServedAnswer } from '../served-dialect.ts'
import { failure, jsonAnswer, notAvailable, success } from './answers.ts'
import { type Act, type Asked, decoded, lightsOf, type RestParts, withShown } from './asked.ts'
import { commandGroup } from './group-command.ts'
import { commandLight, invalidValue } from './light-command.ts'
import { configOf, stateOf } from './resources.ts'

/** Runs `act` with the object in the body. */
function withBody(
  act: (body: Readonly<Record<string, unknown>>, asked: Asked, parts: RestParts) => ReturnType<Act>,
): Act {
  return (asked, parts) => {
    const { body, path } = asked
    if (isRecord(body)) return act(body, asked, parts)
    const address = `/${path.join('/')}`
    return jsonAnswer(400, [failure('invalidJson', address, 'body contains invalid JSON')])
  }
}

function missing(address: string, text: string): ServedAnswer {
  return jsonAnswer(400, [failure('missingParameter', address, text)])
}

export const putState = withBody((body, asked, parts) =>
  withShown(async (light, { visitor }) => {
    const elements = await commandLight(light, body, visitor)
    if (elements !== undefined) return jsonAnswer(200, elements)
    const address = `/lights/${light.device.number}/state`
    return missing(address, 'missing parameter to set light state')
  })(asked, parts),
)

export const putAction = withBody(async (body, { path, visitor }, parts) => {
  const address = `/groups/${path[1]}`
  if (path[1] !== '0') return notAvailable(address)
  const lights = lightsOf(visitor, parts)
  const elements = await commandGroup(lights, body, visitor)
  if (elements !== undefined) return jsonAnswer(200, elements)
  return missing(`${address}/action`, 'missing parameter to set group state')
})

/** Nothing in these sections is to be changed from outside: sensors of ours measure. */
export const putSection = withBody((body, asked, parts) =>
  withShown((shown, { path }, { telling }) => {
    const address = `/${path.join('/')}`
    const known = path[2] === 'config' ? configOf(shown) : stateOf(shown, telling.memory)
    const names = Object.keys(body)
    if (names.length === 0) return missing(address, 'missing parameters in body')
    const elements = names.map((name) =>
      name in known
        ? failure('notModifiable', address, `parameter, ${name}, is not modifiable`)
        : failure('parameterNotAvailable', address, `parameter, ${name}, not available`),
    )
    return jsonAnswer(200, elements)
  })(asked, parts),
)

/** The original's own bound. */
const longestName = 32

export const putName = withBody((body, asked, parts) =>
  withShown(async (shown, { user, path }, { names, telling }) => {
    const address = `/${path.join('/')}`
    const { name, ...others } = body
    const faults = Object.keys(others).map((key) =>
      failure('parameterNotAvailable', address, `parameter, ${key}, not available`),
    )
    if (name === undefined) {
      return faults.length > 0
        ? jsonAnswer(200, faults)
        : missing(address, 'missing parameters in body')
    }
    if (typeof name !== 'string' || name.trim() === '' || name.length > longestName) {
      return jsonAnswer(200, [...faults, invalidValue(address, 'name', name)])
    }
    if (user.role !== 'operator' && user.role !== 'admin') {
      const text = 'parameter, name, is not modifiable'
      return jsonAnswer(200, [...faults, failure('notModifiable', address, text)])
    }
    await names.set(shown.device.topic, name.trim())
    telling.renamed(shown)
    return jsonAnswer(200, [...faults, success(`${address}/name`, name.trim())])
  })(asked, parts),
)

export const putConfig = withBody((body, { user }, { keyMakers }) => {
  const elements = Object.entries(body).map(([name, value]) => {
    const text = `parameter, ${name}, not available`
    if (name !== 'unlock') return failure('parameterNotAvailable', '/config', text)
    if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 600) {
      return invalidValue('/config', name, value)
    }
    if (user.role !== 'operator' && user.role !== 'admin') {
      return failure('notModifiable', '/config', 'parameter, unlock, is not modifiable')
    }
    keyMakers.unlock(user.name, Number(value))
    return success('/config/unlock', value)
  })
  return elements.length > 0
    ? jsonAnswer(200, elements)
    : missing('/config', 'missing parameters in body')
})

/** Who has a key may end it, and operators any. */
export const deleteKey: Act = async ({ path, user }, { context }) => {
  const { keys } = context
  const address = `/${path.join('/')}`
  const key = keys.find(decoded(String(path[2])))
  const isOwn = key?.user === user.name || user.role === 'operator' || user.role === 'admin'
  if (key === undefined || !isOwn) return notAvailable(address)
  await keys.remove(key.digest)
  return jsonAnswer(200, [{ success: `${address} deleted.` }])
}
