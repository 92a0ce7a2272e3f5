import { HubError, quote, reasonOf } from '../core/errors.ts'
import { checkFilter } from '../core/topic.ts'

/**
 * Checks `filter`, which stands at `place` in the configuration. `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` that names the place when it is no filter.
 */
export function checkConfiguredFilter(filter: string, place: string, source: string): void {
  try {
    checkFilter(filter)
  } catch (cause) {
    const sentence = `expected ${place} to be a filter, got ${quote(filter)}`
    throw new HubError('bad-config', `${source}${sentence}: ${reasonOf(cause)}`, { cause })
  }
}
