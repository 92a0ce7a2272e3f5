/** What a test does with a defect: it fails by it. */
export function rethrow(error: unknown): void {
  throw error
}
