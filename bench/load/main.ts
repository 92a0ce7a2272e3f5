// The load, a process of its own: packets are built before, and bytes are counted, not read. Does one
// task at a time, as it is told by messages.
import { announce, report, reportSteadily } from './devices.ts'
import { flood } from './flood.ts'
import { leave, stay } from './idle.ts'
import { ingest } from './ingest.ts'
import { fillRetained, replay, subscribeElsewhere } from './kept.ts'
import { roundTrips } from './round-trips.ts'
import { sparse } from './sparse.ts'

const tasks = {
  announce,
  report,
  reportSteadily,
  flood,
  sparse,
  ingest,
  roundTrips,
  fillRetained,
  subscribeElsewhere,
  replay,
  stay,
  leave,
}

export type Tasks = typeof tasks

/** What to do; `options` are those of the task. */
interface Order {
  readonly task: keyof Tasks
  readonly options: never
}

process.on('message', ({ task, options }: Order) => {
  void tasks[task](options).then((result) => process.send?.({ result }))
})
