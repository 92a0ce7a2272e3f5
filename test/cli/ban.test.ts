import t from 'tap'
import { answeringHub } from './answering-hub.ts'
import { ranLine } from './run-line.ts'

const banned = {
  what: 'user',
  who: 'eve',
  by: 'clown',
  since: '2026-11-21T10:00:00Z',
  reason: 'guesses',
}

t.test('a ban is asked for with its reason and its end, as the hub takes it', async (t) => {
  const { url, heard } = await answeringHub(t, { status: 200, body: banned })
  const { code, output } = await ranLine(`ban add user eve --reason guesses --for 2h --url ${url}`)
  t.equal(code, 0)
  t.same(output, ['banned user eve, for good, by clown since 2026-11-21T10:00:00Z: guesses'])
  const [request] = heard
  t.match(request, { method: 'POST', path: '/api/ban' })
  const asked = { what: 'user', who: 'eve', reason: 'guesses', seconds: 7200 }
  t.same(JSON.parse(request?.body ?? ''), asked)
})

t.test('what answers 200 and tells of no ban is no hub that has bans', async (t) => {
  const { url } = await answeringHub(t, { status: 200, body: { ok: true } })
  for (const words of ['ban add user eve --reason x', 'ban remove user eve', 'ban list']) {
    const { code, output, errors } = await ranLine(`${words} --url ${url}`)
    t.not(code, 0, words)
    t.same(output, [], 'nobody is told that it was done')
    t.match(errors, [/expected a hub that has bans, got status 200/])
  }
})
