/** What a stranger may have written, on one line of a terminal: no control characters come through. */
export function plainText(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}
