/**
 * How much of something a test does: all of it where FULL_LENGTH is set, as .ci/nightly does, and a little of it
 * in every check. What it asserts is the same.
 */
export function atLength(full: number, little: number): number {
  return process.env['FULL_LENGTH'] === '1' ? full : little
}
