/** What operators may do with the keys of a language. */
import type { ApiKeys } from '../access/api-keys.ts'
import { HubError, quote } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { Operation } from './served-dialect.ts'

/** So many digits tell keys apart. */
const idLength = 12

/** `keys` lists them, and `forget` ends the one with the `id` of the list. */
export function keyOperations(keys: ApiKeys): [name: string, operation: Operation][] {
  return [
    ['keys', () => ({ keys: keys.all().map(listed) })],
    [
      'forget',
      async (body) => {
        const id = isRecord(body) ? String(body['id']) : ''
        const found = keys.all().find(({ digest }) => digest.slice(0, idLength) === id)
        if (found === undefined) {
          throw new HubError('bad-payload', `expected the id of a key, got ${quote(id)}`)
        }
        await keys.remove(found.digest)
        return { id, user: found.user, name: found.label }
      },
    ],
  ]
}

function listed({
  digest,
  user,
  label,
  createdAtMs,
  usedAtMs,
}: ReturnType<ApiKeys['all']>[number]) {
  return {
    id: digest.slice(0, idLength),
    user,
    name: label,
    created: new Date(createdAtMs).toISOString(),
    used: new Date(usedAtMs).toISOString(),
  }
}
