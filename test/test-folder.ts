import type { Test } from 'tap'

/**
 * A folder for this test, with `content` in it, that goes when all is closed that the test has opened. What
 * tap makes by itself goes before that, unless something is to be torn down already.
 */
export function testFolder(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.teardown(() => {})
  return t.testdir(content)
}
