/**
 * Whether a message on `topic` switches an actuator, as far as can be told: one that is kept would switch it
 * when nobody expects that. A `…/set` that nobody knows counts; settings (`…/config/set`, an interval, the OTA
 * mode of something that sleeps) may be kept. The first letter of its last level leaves two patterns to try at
 * most, and for most topics none.
 */
export function switchesActuator(topic: string): boolean {
  switch (topic[afterLastSlash(topic)]) {
    case 's':
      return isSet(topic) || zigbeeProperty.test(topic) || shellyComponent.test(topic)
    case 'c':
      return shellyChannel.test(topic) || shellyComponent.test(topic)
    case 'l':
      return shellyComponent.test(topic)
    case 'p':
    case 'P':
      return tasmotaPower.test(topic)
    default:
      return false
  }
}

function isSet(topic: string): boolean {
  return topic.endsWith('/set') && topic !== 'config/set' && !topic.endsWith('/config/set')
}

/** Zigbee2MQTT, of one property: zigbee2mqtt/lamp/set/state, or state_left. */
const zigbeeProperty = /\/set\/state(_[^/]+)?$/
/** Shelly of the first generation, and of those after it. */
const shellyChannel = /\/(relay|roller)\/\d+\/command$/
const shellyComponent = /\/command\/(switch|cover|light):\d+$/
/** Tasmota: cmnd/<topic>/POWER1, or <topic>/cmnd/POWER, as its FullTopic says. */
const tasmotaPower = /(^|\/)cmnd\/(.*\/)?power\d*$/is

/** Counted here, since `lastIndexOf` is no faster than the patterns are. */
function afterLastSlash(topic: string): number {
  let at = topic.length
  while (at > 0 && topic.charCodeAt(at - 1) !== slashCode) at--
  return at
}

const slashCode = 47
