/**
 * What a stranger may have written, on one line of a terminal: no control characters come through, and none
 * that turn the text around them.
 */
export function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ')
}
