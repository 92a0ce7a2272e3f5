import t from 'tap'
import { refuseLoginPage } from '../../src/api/login-page.ts'
import { startedHttpServer } from '../started-http-server.ts'

t.test('a person is told in words why the form came back', async (t) => {
  const headers = { 'Retry-After': '7' }
  const cases: [status: number, reason: string, words: RegExp][] = [
    [429, '', /Too many wrong passwords were given\. Please try again in 7 s\./],
    [503, '', /Too many people are signing in at the moment\. Please try again\./],
    [415, 'a < b', /role="alert">a &#60; b</],
  ]
  for (const [status, reason, words] of cases) {
    const { port } = await startedHttpServer(t, {
      routeOf: () => ({
        get: ({ response }) => refuseLoginPage(response, { status, reason, headers }, ''),
      }),
    })
    const response = await fetch(`http://127.0.0.1:${port}/login`)
    t.equal(response.status, status)
    t.equal(response.headers.get('retry-after'), '7')
    t.match(await response.text(), words)
  }
})
