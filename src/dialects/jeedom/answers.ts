/** How the API of Jeedom answers: a result, or an error with a code of its own, in French as there. */
import type { Receipt } from '../../core/message.ts'

interface RpcError {
  readonly error: { readonly code: number; readonly message: string }
}

export type Answered = RpcError | { readonly result: unknown }

/** An error; its code is one of those that come out of Jeedom: see docs/jeedom.md. */
export function rpcError(code: number, message: string): RpcError {
  return { error: { code, message } }
}

export function rpcSuccess(result: unknown): Answered {
  return { result }
}

/** What Jeedom looks for by id, the code when there is no such thing, and how it says that. */
const missing = {
  object: [601, 'Objet introuvable'],
  equipment: [602, 'EqLogic introuvable'],
  command: [702, 'Cmd introuvable'],
  scenario: [703, 'Scénario introuvable'],
} as const

/** There is nothing of this id, or nothing that the user may see. */
export function notFound(what: keyof typeof missing, id: unknown): RpcError {
  const [code, message] = missing[what]
  return rpcError(code, `${message} : ${typeof id === 'object' ? '' : String(id)}`)
}

/** How a command went, as Jeedom would say it. */
export function rpcResult({ receipt, message, final }: Receipt): Answered {
  switch (receipt) {
    case 'node-offline':
      return rpcError(-32_000, 'Le noeud est hors ligne')
    case 'timed-out':
      return rpcError(-32_000, 'Le noeud ne répond pas')
    case 'unknown':
      return rpcError(-32_000, 'Résultat inconnu')
    case 'refused':
      return rpcError(-32_000, `Commande refusée : ${message ?? ''}`)
    case 'mismatch':
      return final ? rpcError(-32_000, 'Le noeud indique un autre état') : rpcSuccess('ok')
    default:
      return rpcSuccess('ok')
  }
}
