/**
 * deCONZ: the gateway of dresden elektronik, its REST API and its websocket on one port. What is where:
 *
 * - `rest.ts` has the paths and what they do, `commands.ts` what a PUT to lights asks for, `answers.ts` how it is said.
 * - `resources.ts` makes lights and sensors of devices, and has their names.
 * - `devices.ts` is what is told of devices themselves, `resourcelinks.ts` what clients have the gateway remember.
 * - `events.ts` tells links what happens.
 * - `gateway.ts` is who the gateway says it is, and who gets a key.
 */
import type { User } from '../../access/user.ts'
import type { OpenServedDialect, ServedContext, ServedRequest, Welcome } from '../served-dialect.ts'
import { failure, jsonAnswer } from './answers.ts'
import { createDeconzEvents, type DeconzEvents } from './events.ts'
import { createKeyMakers, openIdentity } from './gateway.ts'
import { openResourceLinks } from './resourcelinks.ts'
import { openNames } from './resources.ts'
import { answerRest } from './rest.ts'

export const openDeconz: OpenServedDialect = async (context) => {
  const { devices, clock, store } = context
  const names = await openNames(store)
  const events = createDeconzEvents({ devices, names, clock })
  const keyMakers = createKeyMakers(context)
  const links = await openResourceLinks(store)
  const parts = { context, identity: await openIdentity(store), keyMakers, names, events, links }
  return {
    // A key is in the path of a request, where no browser puts it by itself.
    checksOrigin: true,
    answer: (request) => answerRest(request, parts),
    greet: async (request) => {
      const user = await listenerOf(request, context)
      if (user !== undefined) return welcome(user, events)
      return jsonAnswer(403, [failure('unauthorized', '/', 'unauthorized user')])
    },
    operations: keyMakers.operations,
    close: events.close,
  }
}

/**
 * Whose websocket it is. Clients of the original give no credentials there, so that whoever used a key
 * counts for as long as the key does, at the address where it was used. For a stranger's page that is no proof.
 */
async function listenerOf(
  request: ServedRequest,
  { keys }: ServedContext,
): Promise<User | undefined> {
  const result = await request.signIn()
  if ('user' in result) return result.user
  if (result.refused !== 'nobody') return undefined
  const user = request.isOriginAllowed ? keys.lastUserAt(request.address) : undefined
  return user ?? request.guest()
}

function welcome(user: User, events: DeconzEvents): Welcome {
  return {
    user,
    open: (link) => {
      const dialectUser = link.signIn(user)
      const leave = dialectUser && events.join(link, dialectUser)
      // What clients send is dropped, as by the original.
      return { receive: () => {}, closed: () => leave?.() }
    },
  }
}
