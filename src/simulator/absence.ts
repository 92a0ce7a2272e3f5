import type { MqttClient } from 'mqtt'

/** When a simulated node leaves its broker without a word. */
export interface Absence {
  /** Counted from the first connection. */
  readonly offlineAfterMs: number
  /** Counted from when it left; without it the node stays away. */
  readonly backAfterMs?: number
}

/**
 * Cuts the connection of `client` when the time has come, and dials again when the node is to be back.
 * The answered function calls off what is still to come.
 */
export function planAbsence(
  client: MqttClient,
  { offlineAfterMs, backAfterMs }: Absence,
  onLeft: () => void,
): () => void {
  const leave = () => {
    // Forced, it says no DISCONNECT: for the broker this is a node whose plug was pulled.
    client.end(true)
    onLeft()
    if (backAfterMs !== undefined) timer = setTimeout(() => client.reconnect(), backAfterMs)
  }
  let timer = setTimeout(() => {
    // One that has lost its broker leaves as soon as it has found it again.
    if (client.connected) leave()
    else client.once('connect', leave)
  }, offlineAfterMs)
  return () => {
    clearTimeout(timer)
    client.off('connect', leave)
  }
}
