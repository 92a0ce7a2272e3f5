/** [MQTT-4.3] Quality of service: at most once, at least once, exactly once. */
export type Qos = 0 | 1 | 2

export function lowerQos(one: Qos, other: Qos): Qos {
  if (one > other) return other
  return one
}

export function asQos(qos: number): Qos {
  return qos === 1 || qos === 2 ? qos : 0
}
