import { checkConfiguredFilter } from '../configured-filter.ts'

/** Which topics are recorded: those that a filter of `record` matches, and none of `ignore`. */
export interface HistoryFilters {
  readonly record: readonly string[]
  readonly ignore: readonly string[]
}

/**
 * `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` that names the first one that is no filter.
 */
export function checkHistoryFilters(filters: HistoryFilters, source: string): void {
  for (const name of ['record', 'ignore'] as const) {
    for (const [at, filter] of filters[name].entries()) {
      checkConfiguredFilter(filter, `history.${name}.${at}`, source)
    }
  }
}
