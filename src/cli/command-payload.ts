import { HubError, quote, reasonOf } from '../core/errors.ts'

/**
 * The JSON that commands the device with this topic to take `value`: `on` and `off`, or one of its words
 * for a led. What begins with `{` is that JSON itself, and stays as it was written.
 *
 * @throws HubError `bad-command-line`
 */
export function payloadText(device: string, value: string): string {
  if (value.startsWith('{')) return checkedJson(value)
  if (device.split('/').at(-2) === 'led') return JSON.stringify({ state: value })
  if (value === 'on') return '{"state":true}'
  if (value === 'off') return '{"state":false}'
  const expected = 'expected a value of on, off or JSON that begins with {'
  throw new HubError('bad-command-line', `${expected}, got ${quote(value)}`)
}

function checkedJson(text: string): string {
  try {
    JSON.parse(text)
    return text
  } catch (cause) {
    const sentence = `expected a value that is JSON, got ${quote(text)}: ${reasonOf(cause)}`
    throw new HubError('bad-command-line', sentence.replaceAll('\n', ' '), { cause })
  }
}
