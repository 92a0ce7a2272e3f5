/**
 * `/resourcelinks`: lists of resources under a name, by which clients remember what belongs together. They mean
 * nothing to the hub, which keeps them over restarts, each for the user who made it.
 */
import { isRecord, parseJson } from '../../core/json.ts'
import type { ServedAnswer, ServedContext } from '../served-dialect.ts'
import {
  failure,
  invalidValue,
  jsonAnswer,
  notAvailable,
  resourceAnswer,
  success,
} from './answers.ts'
import type { Act, RestRoute } from './route.ts'

/** What a client says of a list: `name`, `description`, `classid`, `links`, `recycle`. */
type Link = Readonly<Record<string, unknown>>

/** Whose list it is, and whose key asks. */
export interface LinkOwner {
  readonly user: string
  readonly key: string
}

export interface ResourceLinks {
  /** The lists of a user by id, as GET answers them. */
  of(owner: LinkOwner): Readonly<Record<string, Link>>
  create(owner: LinkOwner, body: unknown): Promise<ServedAnswer>
  change(id: string, owner: LinkOwner, body: unknown): Promise<ServedAnswer>
  remove(id: string, owner: LinkOwner): Promise<ServedAnswer>
}

/** So many lists of one user: as many as the bridge has that the original imitates. */
export const mostLinks = 64

const prefix = 'dialect/deconz/resourcelinks/'

export async function openResourceLinks(
  store: Pick<ServedContext['store'], 'entries' | 'write'>,
): Promise<ResourceLinks> {
  const kept = await readKept(store)
  const keep = async (id: string, entry: Kept | undefined) => {
    const value = entry && Buffer.from(JSON.stringify(entry))
    await store.write([{ key: prefix + id, value }])
    if (entry === undefined) kept.delete(id)
    else kept.set(id, entry)
  }
  const own = (id: string, { user }: LinkOwner) => {
    const entry = kept.get(id)
    return entry?.user === user ? entry : undefined
  }
  return {
    of: ({ user, key }) =>
      Object.fromEntries(
        [...kept]
          .filter(([, entry]) => entry.user === user)
          .map(([id, { link }]) => [id, { ...link, owner: key, type: 'Link' }]),
      ),
    create: async ({ user }, body) => {
      const mistakes = isRecord(body) ? mistakesIn(body, required) : [invalidJson]
      if (!isRecord(body) || mistakes.length > 0) return jsonAnswer(400, mistakes)
      const owned = [...kept.values()].filter((entry) => entry.user === user)
      if (owned.length >= mostLinks) return jsonAnswer(400, [tooMany])
      const { type: _, ...link } = body
      const id = firstFree(kept)
      await keep(id, { user, link: { description: '', recycle: false, ...link } })
      return jsonAnswer(200, [{ success: { id } }])
    },
    change: async (id, owner, body) => {
      const entry = own(id, owner)
      if (entry === undefined) return notAvailable(`/resourcelinks/${id}`)
      const mistakes = isRecord(body) ? mistakesIn(body, []) : [invalidJson]
      if (!isRecord(body) || mistakes.length > 0) return jsonAnswer(400, mistakes)
      const { type: _, ...changes } = body
      await keep(id, { ...entry, link: { ...entry.link, ...changes } })
      const address = `/resourcelinks/${id}`
      const elements = Object.entries(changes).map(([name, value]) =>
        success(`${address}/${name}`, value),
      )
      return jsonAnswer(200, elements)
    },
    remove: async (id, owner) => {
      const address = `/resourcelinks/${id}`
      if (own(id, owner) === undefined) return notAvailable(address)
      await keep(id, undefined)
      return jsonAnswer(200, [{ success: `${address} deleted.` }])
    },
  }
}

interface Kept {
  readonly user: string
  readonly link: Link
}

async function readKept(store: Pick<ServedContext['store'], 'entries'>) {
  const kept = new Map<string, Kept>()
  for await (const [key, bytes] of store.entries(prefix)) {
    const entry = parseJson(bytes)
    if (!isRecord(entry) || !isRecord(entry['link'])) continue
    kept.set(key.slice(prefix.length), { user: String(entry['user']), link: entry['link'] })
  }
  return kept
}

function firstFree(kept: ReadonlyMap<string, unknown>): string {
  let id = 1
  while (kept.has(String(id))) id++
  return String(id)
}

const invalidJson = failure('invalidJson', '/resourcelinks', 'body contains invalid JSON')
const tooMany = failure('tooManyItems', '/resourcelinks', `at most ${mostLinks} resourcelinks`)

const required = ['name', 'classid', 'links']

/** The most that each may have. */
const longestText = 128
const mostResources = 64

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= longestText
}

const accepted: Readonly<Record<string, (value: unknown) => boolean>> = {
  name: isText,
  description: isText,
  // Always `Link`: what a client says of it is let go.
  type: isText,
  classid: Number.isInteger,
  links: (value) => Array.isArray(value) && value.length <= mostResources && value.every(isText),
  recycle: (value) => typeof value === 'boolean',
}

function mistakesIn(body: Link, needed: readonly string[]) {
  const absent = needed
    .filter((name) => !(name in body))
    .map((name) =>
      failure('missingParameter', `/resourcelinks/${name}`, 'invalid/missing parameters in body'),
    )
  if (absent.length > 0) return absent
  return Object.entries(body).flatMap(([name, value]) => {
    const address = `/resourcelinks/${name}`
    const accepts = Object.hasOwn(accepted, name) ? accepted[name] : undefined
    if (accepts === undefined) {
      return failure('parameterNotAvailable', address, `parameter, ${name}, not available`)
    }
    return accepts(value) ? [] : invalidValue(address, name, value)
  })
}

// --- lists of resources ---

const getLinks: Act = ({ request, key, user }, { links }) =>
  resourceAnswer(request, links.of({ user: user.name, key }))

const getLink: Act = ({ request, key, user, path }, { links }) => {
  const id = String(path[1])
  const own = links.of({ user: user.name, key })
  return Object.hasOwn(own, id)
    ? resourceAnswer(request, own[id])
    : notAvailable(`/resourcelinks/${id}`)
}

const postLink: Act = ({ key, user, body }, { links }) =>
  links.create({ user: user.name, key }, body)

const putLink: Act = ({ key, user, body, path }, { links }) =>
  links.change(String(path[1]), { user: user.name, key }, body)

const deleteLink: Act = ({ key, user, path }, { links }) =>
  links.remove(String(path[1]), { user: user.name, key })

export const linkRoutes: readonly RestRoute[] = [
  { method: 'GET', pattern: ['resourcelinks'], act: getLinks },
  { method: 'POST', pattern: ['resourcelinks'], act: postLink },
  { method: 'GET', pattern: ['resourcelinks', '*'], act: getLink },
  { method: 'PUT', pattern: ['resourcelinks', '*'], act: putLink },
  { method: 'DELETE', pattern: ['resourcelinks', '*'], act: deleteLink },
]
