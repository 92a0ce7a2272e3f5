/** What mailboxes are told, as long as there are any. */

import { type Rights, rightsOf } from '../../access/rights.ts'
import type { User } from '../../access/user.ts'
import { detached } from '../../core/guard.ts'
import type { TailedLine } from '../../core/log.ts'
import type { Message } from '../../core/message.ts'
import { filterBelow } from '../../core/topic.ts'
import { byNode } from '../../nodes/served/seen-devices.ts'
import type { ServedContext } from '../served-dialect.ts'
import type { Mailbox, Mailboxes, Notification } from './mailboxes.ts'
import { diskSpaceOf, inputEntry, type Meter, subscriptionEntry } from './status.ts'

export type EventsContext = Pick<
  ServedContext,
  | 'settings'
  | 'devices'
  | 'bus'
  | 'signedIn'
  | 'logTail'
  | 'clock'
  | 'findUser'
  | 'dataFolder'
  | 'sampledLog'
>

/** Who may know of others, of the log and of nodes, all of which these roles may read anyway. */
export function isAdministrator({ role }: User): boolean {
  return role === 'operator' || role === 'admin'
}

const statusEveryMs = 1000
const diskEveryMs = 15_000

interface EventsParts {
  readonly context: EventsContext
  readonly mailboxes: Pick<Mailboxes, 'each'>
  readonly meter: Meter
}

/** Begins to tell; the returned function ends that. */
export function startEvents(parts: EventsParts): () => void {
  const { context, mailboxes, meter } = parts
  const { settings, bus, logTail, signedIn, devices } = context
  const sendAll = sendToEach(parts)
  const mayRead = createReaders()
  const stops = [
    bus.subscribe(filterBelow(settings.base), (message) =>
      sendAll((user) => (mayRead(user, message.topic) ? [messageOf(message)] : [])),
    ),
    logTail.onLine((line) =>
      sendAll((user) => (isAdministrator(user) ? [logMessageOf(line)] : [])),
    ),
    signedIn.onPresentChange(() => {
      for (const changed of ['connections', 'subscriptions']) reload(changed, mailboxes)
    }),
    devices.onEvent((event) => {
      if (event === 'added' || event === 'deleted') reload('input_status', mailboxes)
    }),
    every(statusEveryMs, context, () => {
      meter.look(signedIn.present())
      tellStatus(parts)
    }),
    every(diskEveryMs, context, () => detached(tellDisk(parts))),
  ]
  detached(tellDisk(parts))
  return () => {
    for (const stop of stops) stop()
  }
}

const forAdministrators: ReadonlySet<string> = new Set([
  'logmessage',
  'subscriptions',
  'input_status',
])

/** Whether somebody may have a message that has waited, with the rights of now. */
export function mayHave(
  user: User | undefined,
  { notificationClass, topic }: Notification,
): boolean {
  if (user === undefined) return false
  if (typeof topic === 'string') return rightsOf(user).mayRead(topic)
  return !forAdministrators.has(notificationClass) || isAdministrator(user)
}

/** Tells the owner of a new mailbox what devices reported last. */
export function tellLastValues(mailbox: Mailbox, user: User, { devices }: EventsContext): void {
  const { mayRead } = rightsOf(user)
  const known = devices.all().filter(({ topic, value }) => value !== undefined && mayRead(topic))
  mailbox.begin(
    known.map(({ topic, value }) => ({ notificationClass: 'message', topic, payload: value })),
  )
}

/** Whether a user may read a topic; the rights of users as they are now are kept in mind. */
function createReaders() {
  const rights = new WeakMap<User, Rights>()
  return (user: User, topic: string): boolean => {
    const known = rights.get(user) ?? rightsOf(user)
    rights.set(user, known)
    return known.mayRead(topic)
  }
}

/** Puts into each mailbox what its user, as of now, is told. */
function sendToEach({ context, mailboxes }: EventsParts) {
  return (what: (user: User) => readonly Notification[]) =>
    mailboxes.each((mailbox) => {
      const user = context.findUser(mailbox.user)
      for (const message of user === undefined ? [] : what(user)) mailbox.put(message)
    })
}

function messageOf({ topic, payload }: Message): Notification {
  return { notificationClass: 'message', topic, payload: payload.value }
}

/** In local time, as the original writes it. */
function logMessageOf({ atMs, kind, text }: TailedLine): Notification {
  const localMs = atMs - new Date(atMs).getTimezoneOffset() * 60_000
  const moment = new Date(localMs).toISOString().replace('T', ' ').slice(0, -1)
  return { notificationClass: 'logmessage', logtxt: `${moment} ${kind ?? 'hub'}: ${text}` }
}

/** A list has changed: whoever shows it reads it anew. */
function reload(notificationClass: string, { each }: Pick<Mailboxes, 'each'>): void {
  each((mailbox) => mailbox.put({ notificationClass, reload: 1 }, `${notificationClass} reload`))
}

function tellStatus({ context, mailboxes, meter }: EventsParts): void {
  const { signedIn, devices, findUser, clock } = context
  const subscriptions = signedIn.present().map((one) => subscriptionEntry(one, meter))
  const nodes = byNode(devices.all())
  mailboxes.each((mailbox) => {
    const user = findUser(mailbox.user)
    if (user === undefined || !isAdministrator(user)) return
    for (const entry of subscriptions) {
      const message = { ...entry, updateEntry: 1, notificationClass: 'subscriptions' }
      mailbox.put(message, `subscription ${entry['id']}`)
    }
    for (const node of nodes) {
      const entry = inputEntry(node, clock.wallMs())
      const message = { ...entry, update: 1, notificationClass: 'input_status' }
      mailbox.put(message, `input ${entry['uuid']}`)
    }
  })
}

async function tellDisk({ context, mailboxes }: EventsParts): Promise<void> {
  try {
    const space = await diskSpaceOf(context.dataFolder ?? '.')
    const message = { ...space, notificationClass: 'diskspaceUpdate' }
    mailboxes.each((mailbox) => mailbox.put(message, 'disk space'))
  } catch {
    context.sampledLog.warn('disk-space-unknown', {}, 'how full the disk is could not be read')
  }
}

/** Calls `act` again and again; the returned function ends that. */
function every(
  intervalMs: number,
  { clock }: Pick<EventsContext, 'clock'>,
  act: () => void,
): () => void {
  const begin = (): (() => void) =>
    clock.after(intervalMs, () => {
      stop = begin()
      act()
    })
  let stop = begin()
  return () => stop()
}
