/** Where programs that people run switch actuators, besides `…/set`. */
const switchingTopics: readonly RegExp[] = [
  // Tasmota: cmnd/<topic>/POWER1, or <topic>/cmnd/POWER, as its FullTopic says.
  /(^|\/)cmnd\/(.*\/)?power\d*$/i,
  // Shelly of the first generation, and of those after it.
  /\/(relay|roller)\/\d+\/command$/,
  /\/command\/(switch|cover|light):\d+$/,
  // Zigbee2MQTT, of one property: zigbee2mqtt/lamp/set/state, or state_left.
  /\/set\/state(_[^/]+)?$/,
]

/**
 * Whether a message on `topic` switches an actuator, as far as can be told: one that is kept would switch it
 * when nobody expects that. A `…/set` that nobody knows counts; settings (`…/config/set`, an interval, the OTA
 * mode of something that sleeps) may be kept.
 */
export function switchesActuator(topic: string): boolean {
  if (topic.endsWith('/set')) return topic !== 'config/set' && !topic.endsWith('/config/set')
  return switchingTopics.some((pattern) => pattern.test(topic))
}
