/**
 * RFC 8265, 3.3.2 and 4.2.2: user names and passwords are compared in NFC. One keyboard writes é as a single
 * character and another as two, and nobody sees which.
 */
export function normalForm(text: string): string {
  return text.normalize('NFC')
}

export function isSameName(one: string, other: string): boolean {
  return normalForm(one) === normalForm(other)
}
