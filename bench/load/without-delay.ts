import type { MqttClient } from 'mqtt'

/** Turns Nagle's algorithm off, which would hold back a report until a PUBACK is acknowledged by TCP. */
export function withoutDelay({ stream }: MqttClient): void {
  if ('setNoDelay' in stream && typeof stream.setNoDelay === 'function') stream.setNoDelay(true)
}
