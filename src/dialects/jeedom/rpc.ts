/** JSON-RPC 2.0 as the core of Jeedom answers it: always with status 200. */
import { isRecord, parseJson } from '../../core/json.ts'
import type { ServedAnswer, ServedRequest } from '../served-dialect.ts'
import { type Answered, rpcError, rpcSuccess } from './answers.ts'
import { phpJson } from './frames.ts'
import { methods, type Parts } from './methods.ts'

interface RpcCall {
  readonly id: string | number | null
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

const path = '/core/api/jeeApi.php'

export async function answerRpc(request: ServedRequest, parts: Parts): Promise<ServedAnswer> {
  if (request.path !== path) return { status: 404 }
  if (request.method === 'OPTIONS') return { status: 200, headers }
  const call = readCall(bodyOf(request))
  const answered = 'error' in call ? call : await answerCall(call, request, parts)
  const id = 'id' in call ? call.id : null
  return { status: 200, headers, body: phpJson({ jsonrpc: '2.0', id, ...answered }) }
}

const headers = {
  'Content-Type': 'application/json',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'Content-Type',
}

/** The JSON is the body, or the field `request` of a form. */
function bodyOf({ body, headers }: ServedRequest): string {
  const text = body.toString('utf8')
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  return isForm ? (new URLSearchParams(text).get('request') ?? text) : text
}

/** What a request asks for; never throws. */
export function readCall(text: string): RpcCall | ReturnType<typeof rpcError> {
  const value = parseJson(text)
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') {
    const version = isRecord(value) ? String(value['jsonrpc'] ?? '') : ''
    return rpcError(1, `Requête invalide. Version JSON-RPC invalide : ${version}`)
  }
  const { id, method, params } = value
  return {
    id: typeof id === 'string' || typeof id === 'number' ? id : null,
    method: typeof method === 'string' ? method : '',
    params: isRecord(params) ? params : {},
  }
}

async function answerCall(
  { method, params }: RpcCall,
  request: ServedRequest,
  parts: Parts,
): Promise<Answered> {
  const open = openMethods.get(method)
  if (open !== undefined) return open({ request, params }, parts)
  const key = params['apikey'] ?? params['api']
  const owner = () => (typeof key === 'string' ? parts.userKeys.ownerOf(key, request) : undefined)
  const user = owner()
  if (user === undefined) return rpcError(2, 'Vous n’êtes pas autorisé à effectuer cette action')
  const act = methods.get(method)
  if (act === undefined) return rpcError(500, `Aucune méthode correspondante : ${method}`)
  const dialectUser = request.actAs(user)
  if (dialectUser === undefined) return rpcError(-32_000, 'Trop de connexions')
  const actAgain = () => {
    const userOfNow = owner()
    return userOfNow && request.actAs(userOfNow)
  }
  return act({ dialectUser, actAgain, request, params }, parts)
}

// --- without a key ---

type OpenMethod = (
  call: Pick<RpcCall, 'params'> & { readonly request: ServedRequest },
  parts: Parts,
) => Promise<Answered> | Answered

const openMethods: ReadonlyMap<string, OpenMethod> = new Map<string, OpenMethod>([
  ['ping', () => rpcSuccess('pong')],
  ['user::getHash', getHash],
  // The hub has one factor; Jeedom says so by a number.
  ['user::useTwoFactorAuthentification', () => rpcSuccess(0)],
])

async function getHash(
  { request, params }: Parameters<OpenMethod>[0],
  { userKeys }: Parts,
): Promise<Answered> {
  // Pages of strangers are to guess no passwords, which would come back as the key of whoever has it.
  if (!request.isOriginAllowed) return rpcError(1, 'Echec lors de l’authentification')
  const { login, password } = params
  if (
    typeof login !== 'string' ||
    typeof password !== 'string' ||
    login === '' ||
    password === ''
  ) {
    return rpcError(1, 'Le login ou le password ne peuvent être vide')
  }
  const result = await request.signIn({ user: login, password })
  if (!('user' in result)) return rpcError(1, 'Echec lors de l’authentification')
  return rpcSuccess(await userKeys.keyOf(result.user, request))
}
