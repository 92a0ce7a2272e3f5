import { PacketFault } from '../../src/mqtt/packet.ts'

/** The counter of the fault that `task` throws, and its reason if CONNACK tells it; undefined if it throws none. */
export function faultOf(task: () => unknown): string | undefined {
  try {
    task()
    return undefined
  } catch (fault) {
    if (!(fault instanceof PacketFault)) throw fault
    const { counter, isRefusal, reason } = fault
    return isRefusal ? `${counter} ${reason.toString(16)}` : counter
  }
}

/** The reason of the fault that `task` throws, in hexadecimal digits. */
export function reasonIn(task: () => unknown): string | undefined {
  try {
    task()
    return undefined
  } catch (fault) {
    if (!(fault instanceof PacketFault)) throw fault
    return fault.reason.toString(16)
  }
}
