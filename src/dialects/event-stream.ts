import type { Dialect } from './dialect.ts'

/**
 * What a dialect says, as the Server-Sent Events of the HTML standard (9.2): each frame the data of an event, whose id
 * is the position of its message.
 */
export function createEventStream({ encode, encodePosition, ...dialect }: Dialect): Dialect {
  return {
    ...dialect,
    name: 'event-stream',
    isStream: true,
    encode: (topic, payload, options) => {
      return eventOf(encode(topic, payload, options), options?.['position'])
    },
    encodeError: (error) => eventOf(dialect.encodeError(error)),
    encodeMissed: (count, after) => eventOf(dialect.encodeMissed(count, after)),
    ...(encodePosition && {
      encodePosition: (position: string) => eventOf(encodePosition(position), position),
    }),
  }
}

function eventOf(frame: string, id?: unknown): string {
  // A frame has no line break but at its end.
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${frame.trimEnd()}\n\n`
}
