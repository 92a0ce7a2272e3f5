import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { mqttTo, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { ranLine, runLine } from './run-line.ts'

const line = (atMs: number, more: object) =>
  JSON.stringify({ at: new Date(atMs).toISOString(), qos: 1, retain: false, ...more })

t.test('a session is recorded and played again', async (t) => {
  const eve = { password: 'looks on', rules: [{ allow: ['read' as const], topic: 'a/#' }] }
  const hub = await startedHub(t, {
    users: { clown: { password: 'bigclown', role: 'admin' }, eve },
  })
  const environment = { CLOWN_HUB_URL: `http://clown:bigclown@127.0.0.1:${hub.httpPort}` }
  const asEve = { CLOWN_HUB_URL: `http://eve:looks%20on@127.0.0.1:${hub.httpPort}` }
  const folder = testFolder(t)
  const file = `${folder}/lab.ndjson`
  const { client, messages } = await mqttTo(t, hub, { filter: '#', protocolVersion: 5 })
  const ran = (text: string) => ranLine(text, { environment })

  await t.test('with what was retained, what came, and all that belongs to it', async (t) => {
    await client.publishAsync('a/kept', 'x', { qos: 1, retain: true })
    const recording = runLine(`record ${file} a/# --json`, { environment })
    const written = () => readFileSync(file, 'utf8').split('\n').slice(0, -1)
    await recording.progress.next((text) => text === '1 messages')
    const properties = { userProperties: { by: 'ann' } }
    await client.publishAsync('a/now', '{"x":1}', { qos: 1, retain: true, properties })
    await recording.progress.next((text) => text === '2 messages')
    recording.stop()
    t.equal(await recording.code, 0)
    t.same(recording.errors.items, [`2 messages are in ${file}`])
    t.same(recording.output.items, [JSON.stringify({ file, messages: 2 })])
    t.match(
      written().map((text) => JSON.parse(text)),
      [
        { topic: 'a/kept', text: 'x', qos: 1, retain: true },
        { topic: 'a/now', payload: { x: 1 }, qos: 1, retain: true, properties },
      ],
    )
    t.match((await ran(`record ${file}`)).errors, [/EEXIST: file already exists: --force writes/])
    t.match((await ran('record /nowhere/x')).errors, [/expected to write "\/nowhere\/x": ENOENT/])
    t.equal((await ran(`record ${folder}/other --for 0.1 --force`)).code, 0)
    const refused = await ranLine(`record ${folder}/refused secret/#`, { environment: asEve })
    t.match(refused, { code: 4, errors: [/^refused: secret/, /^0 messages are in/] })
  })

  await t.test('in its order and with its pauses, as fast as is wanted', async (t) => {
    writeFileSync(
      file,
      [line(0, { topic: 'b/1', payload: 1 }), line(2000, { topic: 'b/2', payload: 2 })].join('\n'),
    )
    const start = performance.now()
    const played = await ran(`replay ${file} --speed 10`)
    t.same(played, { code: 0, output: [], errors: ['2 of 2 messages were published'] })
    t.ok(performance.now() - start >= 190)
    t.match(await messages.next(({ topic }) => topic === 'b/2'), { qos: 1 })
    t.same((await ran(`replay ${file} b/2`)).errors, ['1 of 1 messages were published'])
    const many = Array.from({ length: 250 }, (_, at) => line(at * 1e6, { topic: 'c', payload: at }))
    writeFileSync(file, many.join('\n'))
    t.same((await ran(`replay ${file} --speed max`)).errors, ['250 of 250 messages were published'])
    const slow = runLine(`replay ${file}`, { environment })
    await slow.progress.next((text) => text === '1 of 250 messages were published')
    slow.stop()
    t.equal(await slow.code, 130)
    t.match(slow.errors.items, ['interrupted: 1 of 250 messages were published'])
  })

  await t.test('what cannot be played is told before anything is published', async (t) => {
    writeFileSync(file, `${line(0, { topic: 'd', payload: 1 })}\nnonsense\n`)
    const before = messages.items.length
    t.match((await ran(`replay ${file}`)).errors, [/on line 2 of .*lab\.ndjson, got "nonsense"/])
    t.equal(messages.items.length, before)
    t.match((await ran('replay /nowhere')).errors, [/expected to read "\/nowhere": ENOENT/])
    t.match((await ran(`replay ${file} --speed 0`)).errors, [/expected --speed to be a number/])
    t.match((await ran('replay')).errors, [/expected the name of a file/])
    writeFileSync(file, line(0, { topic: 'a', payload: 1 }))
    const refused = await ranLine(`replay ${file} a --json`, { environment: asEve })
    t.match(JSON.parse(String(refused.output[0])), {
      ...{ file, published: 1, total: 1 },
      refused: [/^a: expected a/],
    })
    t.match(refused, {
      code: 4,
      errors: [/^1 of 1/, /^refused: 1 of them; the first: a: expected a/],
    })
  })
})
