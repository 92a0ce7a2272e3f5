import type { Bus } from '../../bus/bus.ts'
import { HubError } from '../../core/errors.ts'
import { errorOn } from '../../core/message.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { CommandGuard, Commands, Request } from './commands.ts'

interface ObservingParts {
  readonly commands: Pick<Commands, 'observe'>
  readonly relayGuard: Pick<CommandGuard, 'check'>
  readonly bus: Pick<Bus, 'publish'>
  readonly sampledLog: SampledLog
}

/** What somebody else has commanded is followed as what goes through the hub, and a rule that it breaks is told. */
export function observeCommand(request: Request, parts: ObservingParts): void {
  const { device, message, sender } = request
  try {
    parts.relayGuard.check({ device, asked: message.payload.value })
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    const fields = { device, user: sender.user, reason: error.message }
    const text = 'a command that went past the hub breaks a rule'
    parts.sampledLog.warn('rule-broken-past-the-hub', fields, text)
    parts.bus.publish(errorOn(device, error))
  }
  parts.commands.observe(request)
}
