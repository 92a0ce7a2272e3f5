import { isPublish, type RawMqtt, readPublish, settled } from './raw-mqtt.ts'
import type { TalkClient } from './started-hub.ts'
import { spoken } from './ways-in.ts'

/** Answers what a client got since the last time, without what the hub says of itself. */
export function takenFrom(raw: RawMqtt): () => Promise<string[]> {
  let taken = 0
  return async () => {
    await settled(raw)
    const packets = raw.packets.slice(taken)
    taken = raw.packets.length
    const topics = packets.filter(isPublish).map((packet) => readPublish(packet).topic)
    // What became of commands has a test of its own.
    return topics.filter((topic) => !/^(mark|\$SYS\/hub)\//.test(topic))
  }
}

/** The same of a websocket. */
export function framesTakenFrom(talk: TalkClient): () => Promise<string[]> {
  let taken = 0
  return async () => {
    await spoken(talk)
    const frames = talk.frames.items.slice(taken)
    taken = talk.frames.items.length
    return frames
      .map(([topic]) => topic)
      .filter((topic) => !/^(clown\.talk|mark|\$hub)\//.test(topic))
  }
}
