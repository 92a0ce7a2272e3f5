/**
 * Locks, names and what is kept of devices where several hubs are before one broker: the owner changes them, whichever hub
 * was asked, and the others hear of it before the answer comes.
 */
import { randomUUID } from 'node:crypto'
import type { Role, User, UserDirectory } from '../access/user.ts'
import type { Hubs } from '../bus/foreign/hubs.ts'
import { tooOld } from '../bus/foreign/open-questions.ts'
import { HubError, isErrorCode, quote } from '../core/errors.ts'
import { detached } from '../core/guard.ts'
import { isRecord } from '../core/json.ts'
import {
  validateForgetRequest,
  validateLabelRequest,
  validateLockRequest,
  validateReplaceRequest,
  validateUnlockRequest,
} from '../generated/validate-requests.js'
import type { Validator } from '../generated/validator.ts'
import type { DeviceChanges } from './changes.ts'

export interface ChangesParts {
  readonly hubs: Pick<Hubs, 'owns' | 'ask' | 'answer' | 'onAsked' | 'onAnswer' | 'onOwner' | 'kept'>
  readonly directory: Pick<UserDirectory, 'find'>
}

interface Asking {
  readonly resolve: (done: object) => void
  readonly reject: (error: HubError) => void
  /** The owner has begun with it. */
  isTaken: boolean
}

/** So many are waited for. */
const mostAsked = 1000

/** `own`, each of which is done by the owner. */
export function changesAmongHubs(
  own: DeviceChanges,
  { hubs, directory }: ChangesParts,
): DeviceChanges {
  const asking = new Map<string, Asking>()
  const end = (id: string, finish: (entry: Asking) => void) => {
    const entry = asking.get(id)
    asking.delete(id)
    if (entry !== undefined) finish(entry)
  }
  const refuse = (id: string, reason: string) =>
    end(id, ({ reject }) => reject(new HubError('no-owner', reason)))
  const ask = (change: ChangeName, user: User, request: object) =>
    new Promise<object>((resolve, reject) => {
      if (asking.size >= mostAsked) throw tooMany()
      const id = randomUUID()
      hubs.ask(id, { change, user: user.name, request }, (how, reason) =>
        refuse(id, how === 'unknown' ? `${reason}: ${mayBeDone}` : reason),
      )
      asking.set(id, { resolve, reject, isTaken: false })
    })
  hubs.onAnswer(({ id, answer }) => {
    const entry = asking.get(id)
    if (entry === undefined || !isRecord(answer)) return
    const { done, code, message } = answer
    if (isRecord(done)) end(id, ({ resolve }) => resolve(done))
    else if (isErrorCode(code)) {
      end(id, ({ reject }) => reject(new HubError(code, String(message))))
    } else entry.isTaken = true
  })
  // Nobody answers any more what the one before has begun with.
  hubs.onOwner(() => {
    for (const [id, { isTaken }] of [...asking]) if (isTaken) refuse(id, `${gone}: ${mayBeDone}`)
  })
  const mine = async (done: Promise<object>) => {
    const changed = await done
    await hubs.kept()
    return changed
  }
  hubs.onAsked(({ id, from, isFresh, question }) => {
    const { change } = question
    if (!isChange(change)) return
    const answer = (said: object) => hubs.answer(from, { id, answer: said })
    const refused = ({ code, message }: HubError) => answer({ code, message })
    if (!isFresh) return refused(tooOld())
    answer({ isTaken: true })
    const changed = async () => {
      try {
        answer({ done: await mine(changeAsked(own, { ...question, change }, directory)) })
      } catch (error) {
        refused(error instanceof HubError ? error : new HubError('no-owner', failed))
        if (!(error instanceof HubError)) throw error
      }
    }
    detached(changed())
  })
  const either =
    <Request extends object>(
      change: ChangeName,
      act: (user: User, request: Request) => Promise<object>,
    ) =>
    (user: User, request: Request) =>
      hubs.owns ? mine(act(user, request)) : ask(change, user, request)
  return {
    lock: either('lock', own.lock),
    unlock: either('unlock', own.unlock),
    label: either('label', own.label),
    replace: either('replace', own.replace),
    forget: either('forget', own.forget),
  }
}

const gone = 'expected the hub that commands to finish a change, it is gone'
const failed = 'expected the hub that commands to finish a change, it could not: its log has more'
const mayBeDone = 'it may have been changed'

function tooMany(): HubError {
  const sentence = `expected at most ${mostAsked} changes that the owner is asked for, got one more`
  return new HubError('too-fast', sentence)
}

// --- at the owner ---

type ChangeName = keyof DeviceChanges

interface AskedChange {
  readonly roles: readonly Role[]
  act(own: DeviceChanges, user: User, request: unknown): Promise<object>
}

const operators: readonly Role[] = ['operator', 'admin']
const admins: readonly Role[] = ['admin']

/** As the API of the owner would be asked. */
const askedChanges: Readonly<Record<ChangeName, AskedChange>> = {
  lock: asked(operators, validateLockRequest, ({ lock }) => lock),
  unlock: asked(operators, validateUnlockRequest, ({ unlock }) => unlock),
  label: asked(operators, validateLabelRequest, ({ label }) => label),
  replace: asked(admins, validateReplaceRequest, ({ replace }) => replace),
  forget: asked(admins, validateForgetRequest, ({ forget }) => forget),
}

function asked<Request>(
  roles: readonly Role[],
  validate: Validator<Request>,
  of: (own: DeviceChanges) => (user: User, request: Request) => Promise<object>,
): AskedChange {
  return {
    roles,
    act: (own, user, request) => {
      if (validate(request)) return of(own)(user, request)
      throw new HubError('bad-payload', `expected what a hub of this release asks, got another`)
    },
  }
}

function isChange(name: unknown): name is ChangeName {
  return typeof name === 'string' && Object.hasOwn(askedChanges, name)
}

/**
 * Who is asked for is known as this hub knows them, whatever the other one says.
 *
 * @throws HubError `forbidden`, `bad-payload`, and what the change throws
 */
async function changeAsked(
  own: DeviceChanges,
  question: { readonly change: ChangeName; readonly user?: unknown; readonly request?: unknown },
  directory: ChangesParts['directory'],
): Promise<object> {
  const { roles, act } = askedChanges[question.change]
  const user = directory.find(String(question.user))
  if (user !== undefined && roles.some((role) => role === user.role)) {
    return act(own, user, question.request)
  }
  const expected = `expected a user whom the hub that commands knows with role ${roles.join(' or ')}`
  throw new HubError('forbidden', `${expected}, got ${quote(String(question.user))}`)
}
