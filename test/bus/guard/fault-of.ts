import { PacketFault } from '../../../src/bus/guard/packet-fault.ts'

/** The counter and the CONNACK code of the fault that `task` throws; undefined if it throws none. */
export function faultOf(task: () => unknown): string | undefined {
  try {
    task()
    return undefined
  } catch (fault) {
    if (!(fault instanceof PacketFault)) throw fault
    return fault.returnCode === undefined ? fault.counter : `${fault.counter} ${fault.returnCode}`
  }
}
