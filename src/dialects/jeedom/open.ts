/**
 * Jeedom: the websocket of the plugin by nioc, and the JSON-RPC of the core, on one port. What is where:
 *
 * - `rpc.ts` is JSON-RPC and whose key it is, `methods.ts` what may be asked, `answers.ts` how errors are said.
 * - `recorded.ts` tells what commands said before.
 * - `jeedom-model.ts` makes objects, equipment and commands of nodes and devices, and sums them up.
 * - `events.ts` collects what happens and tells it, in the words of `frames.ts`.
 * - `keys.ts` is who has a key, and whose pages may come.
 */
import { keyOperations } from '../key-operations.ts'
import type {
  OpenServedDialect,
  ServedAnswer,
  ServedConversation,
  ServedLink,
  ServedRequest,
} from '../served-dialect.ts'
import { createJeedomEvents } from './events.ts'
import { keyCodec } from './frames.ts'
import { createUserKeys, isHostAllowed } from './keys.ts'
import type { Parts } from './methods.ts'
import { answerRpc } from './rpc.ts'

export const openJeedom: OpenServedDialect = (context) => {
  const { devices, clock, settings } = context
  const events = createJeedomEvents({ devices, clock, periodMs: settings.jeedom.period * 1000 })
  const userKeys = createUserKeys(context)
  const parts = { context, events, userKeys }
  return {
    // The plugin has a list of its own; for the rest, a key is in the body of a request.
    checksOrigin: true,
    answer: (request) => answerRpc(request, parts),
    greet: (request) => {
      if (!isHostAllowed(request, settings.jeedom.allowedHosts)) return forbidden
      if (request.subprotocols.length > 0) return withoutSubprotocols
      return { open: (link) => converse(link, request, parts) }
    },
    operations: new Map(keyOperations(context.keys)),
    close: events.close,
  }
}

const poweredBy = { 'X-Powered-By': 'Ratchet/0.4.4' }
const forbidden: ServedAnswer = { status: 403, headers: poweredBy }
const withoutSubprotocols: ServedAnswer = {
  status: 426,
  headers: { ...poweredBy, 'Sec-WebSocket-Version': '13' },
}

/** The first frame has to be a key; success is silent, and what comes later is ignored. */
function converse(
  link: ServedLink,
  request: ServedRequest,
  { context, events, userKeys }: Parts,
): ServedConversation {
  const { clock, settings } = context
  const goodbye = () => link.close(1000)
  const stopWaiting = clock.after(settings.jeedom.authDelay * 1000, goodbye)
  let isFirst = true
  let leave = () => {}
  return {
    receive: (frame) => {
      if (!isFirst) return
      isFirst = false
      stopWaiting()
      const key = keyCodec.decode(frame)
      const user = key === undefined ? undefined : userKeys.ownerOf(key, request)
      if (user === undefined) goodbye()
      else {
        const dialectUser = link.signIn(user)
        if (dialectUser !== undefined) leave = events.join(link, dialectUser)
      }
    },
    closed: () => {
      stopWaiting()
      leave()
    },
  }
}
