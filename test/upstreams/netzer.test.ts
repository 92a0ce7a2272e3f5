import t from 'tap'
import { netzerBoard } from '../../src/upstreams/netzer.ts'
import { startedHouse } from '../dialects/house.ts'
import { freePort } from '../programs.ts'
import { listen } from '../simulator/started-node.ts'
import { bringsIn, dialledBy } from './contract.ts'
import { startedDialling } from './dialled-hub.ts'
import { startedFarSide } from './far-side.ts'

t.test('the house of a hub that serves Netzer is here', async (t) => {
  const guest = { user: 'clown', anyOrigin: true } as const
  const netzer = { connections: 'first' } as const
  const dialects = [{ dialect: 'netzer', port: 0, guest, netzer }] as const
  const house = await startedHouse(t, 'netzer', { dialects: [...dialects] })
  const { status } = await bringsIn(t, {
    house,
    settings: {
      dialect: 'netzer',
      url: `ws://127.0.0.1:${house.port}/ws`,
      pins: { 0: 'output' },
    },
    relay: '/relay/0',
    thermometer: '/sensor/4',
    withinMs: 50,
    // From -20 to 60.
    shows: (celsius) => String(Math.round(((celsius + 20) / 80) * 1023)),
  })
  t.ok(status)
  // There is room for one.
  const second = await startedDialling(t, {
    second: { dialect: 'netzer', url: `ws://127.0.0.1:${house.port}/ws` },
  })
  t.match(await second.status(({ state }) => state === 'refused'), {
    reason: /got HTTP 503; it has room for one connection, which another program may have/,
  })
})

/** A board as the wiki of its vendor has it: thirteen pins, each answer a tree of texts. */
function board(pins: Record<string, string>) {
  return (command: string): string => {
    const [path = '', value] = command.split('=')
    const index = path.slice(-1)
    if (path === 'uv') return JSON.stringify({ u: { v: pins } })
    if (path.startsWith('t')) return `{"t":{"u":{"v":{"${index}":"${value}"}}}}`
    if (value !== undefined) pins[index] = value
    return `{"u":{"v":{"${index}":"${pins[index]}"}}}`
  }
}

const pins = { 3: 'output', 5: 'analog', 9: 'pwm', 2: 'counter' } as const

t.test('a board of thirteen pins, by websocket', async (t) => {
  const values = Object.fromEntries([...'0123456789abc'].map((index) => [index, '0']))
  const answerTo = board({ ...values, 5: '512', 9: '1023', 2: '32768', a: '7' })
  const far = await startedFarSide(t, {
    said: (text, socket) => socket.send(answerTo(text)),
  })
  const settings = { dialect: 'netzer', url: `ws://127.0.0.1:${far.port}/ws`, pins } as const
  const known = [{ node: 'board', kind: 'relay', part: 'z' }] as const
  const { connect, endings, told, next, ask } = dialledBy(t, netzerBoard, { settings, known })
  connect()
  t.equal(await endings.next(), undefined)
  const reports = told.filter(([what]) => what === 'report')
  t.equal(reports.length, 13)
  t.match(Object.fromEntries(reports.map(([, id, report]) => [id, report])), {
    0: { state: false },
    2: { count: [null, null] },
    3: { state: false },
    5: { value: [512, null] },
    9: { value: 1023 },
    a: { value: [7, null] },
  })
  const [socket] = far.sockets
  socket?.send('{"u":{"v":{"0":"1"}}}')
  t.same(await next('report', '0', { state: true }), { state: true })
  await far.heard.next((text) => text === 'tuv0=3')
  socket?.send('{"u":{"v":{"2":"17"}}}')
  t.same(await next('report', '2', { count: [17, null] }), { count: [17, null] })
  socket?.send('{"u":{"v":{"z":"1"}}}')
  socket?.send('{}')

  ask('3', { state: true })
  t.same(await next('report', '3', { state: true }), { state: true })
  // What is so already is told again to whoever asked for it.
  const before = told.length
  ask('3', { state: true })
  t.same(await next('report', '3', { state: true }), { state: true })
  t.ok(told.length > before)
  ask('3', { state: false })
  t.same(await next('report', '3', { state: false }), { state: false })
  ask('9', { value: 2000.5 })
  t.same(await next('report', '9', { value: 1023 }), { value: 1023 })
  // A pin that was not there before, in what is read once a second.
  await far.heard.next((text) => text === 'uv')
  await far.heard.next((text) => text === 'uv')
})

t.test('what a pin was before a command is no answer to it', async (t) => {
  const answers: (() => void)[] = []
  let isHeldBack = false
  const answerTo = board({ 3: '0', 5: '512' })
  const far = await startedFarSide(t, {
    said: (text, socket) => {
      const answer = answerTo(text)
      if (isHeldBack) answers.push(() => socket.send(answer))
      else socket.send(answer)
    },
  })
  const settings = { dialect: 'netzer', url: `ws://127.0.0.1:${far.port}/ws`, pins } as const
  const { connect, endings, told, next, ask } = dialledBy(t, netzerBoard, { settings })
  connect()
  t.equal(await endings.next(), undefined)
  await far.heard.next((text) => text === 'uv')
  isHeldBack = true
  await far.heard.next((text) => text === 'uv')
  const before = told.length
  ask('3', { state: true })
  await far.heard.next((text) => text === 'uv3=1')
  for (const answer of answers) answer()
  t.same(await next('report', '3', { state: true }), { state: true })
  t.same(
    told
      .slice(before)
      .filter(([what, id]) => what === 'report' && id === '3')
      .map(([, , report]) => report),
    [{ state: true }],
    'and not what it was when all pins were asked for',
  )
})

t.test('a board by its TCP command server', async (t) => {
  const answerTo = board({ 3: '0' })
  const server = await listen(t, (socket) => {
    let rest = ''
    socket.on('data', (bytes) => {
      const lines = `${rest}${bytes}`.split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const answer = answerTo(line)
        socket.write(answer.slice(0, 5))
        setImmediate(() => socket.write(`${answer.slice(5)}\r\n`))
      }
    })
  })
  const settings = { dialect: 'netzer', url: `tcp://127.0.0.1:${server.port}`, pins } as const
  const { connect, endings, next, ask } = dialledBy(t, netzerBoard, { settings })
  const end = connect()
  t.equal(await endings.next(), undefined)
  ask('3', { state: true })
  t.same(await next('report', '3', { state: true }), { state: true })
  end()
  ask('3', { state: false })
  connect()
  t.equal(await endings.next(), undefined)
  await server.stop()
  t.match(await endings.next(), { reason: /it has/ })
})

t.test('whatever a board does wrong is said in one sentence', async (t) => {
  const saying = async (...said: (string | Buffer)[]) => {
    const far = await startedFarSide(t, {
      opened: (socket) => {
        for (const each of said) socket.send(each)
      },
    })
    return `ws://127.0.0.1:${far.port}/ws`
  }
  const writing = async (said: string | Buffer) => {
    const server = await listen(t, (socket) => void socket.write(said))
    return `tcp://127.0.0.1:${server.port}`
  }
  const closing = async (code: number) => {
    const far = await startedFarSide(t, { opened: (socket) => socket.close(code) })
    return `ws://127.0.0.1:${far.port}/ws`
  }
  const ending = await listen(t, (socket) => socket.end())
  const cutting = await listen(t, (socket) => socket.resetAndDestroy())
  const cases = {
    words: [await saying('hello'), 'away', /expected a tree of values, got "hello"/],
    number: [await saying('{"u":{"v":{"0":1}}}'), 'away', /expected a tree of values/],
    empty: [await saying('{"u":{}}'), 'away', /expected a tree of values/],
    list: [await saying('[]'), 'away', /expected a tree of values/],
    half: [await saying('{"u":'), 'away', /expected a tree of values/],
    deep: [await saying(`${'{"a":'.repeat(40)}"1"${'}'.repeat(40)}`), 'away', /a tree/],
    bytes: [await saying(Buffer.from([1])), 'away', /frames of text/],
    huge: [await saying('x'.repeat(10_000_000)), 'away', /at most 4194304 bytes/],
    taken: [await closing(1013), 'refused', /with 1013; it has room for one connection/],
    closed: [await closing(4001), 'away', /with 4001$/],
    cut: [`ws://127.0.0.1:${cutting.port}/ws`, 'away', /cut the connection; it has room/],
    nobody: [`ws://127.0.0.1:${await freePort()}/ws`, 'away', /nothing listens there$/],
    tcp: [`tcp://127.0.0.1:${await freePort()}`, 'away', /nothing listens there$/],
    port: ['tcp://127.0.0.1', 'away', /expected a port in url/],
    name: ['ws://nobody.invalid/ws', 'away', /name/],
    secure: [(await saying()).replace('ws:', 'wss:'), 'away', /expected a websocket/],
    rubbish: [await writing('}'), 'away', /expected a tree of values, got "}"/],
    endless: [await writing('{'.repeat(100_000)), 'away', /at most 65536 bytes, got more/],
    ended: [`tcp://127.0.0.1:${ending.port}`, 'away', /it has closed the connection/],
    hidden: [await writing('{"u":{"v":{"0":7}}}'), 'away', /expected a tree of values/],
  } as const
  const upstreams = Object.fromEntries(
    Object.entries(cases).map(([name, [url]]) => [name, { dialect: 'netzer', url } as const]),
  )
  const { status } = await startedDialling(t, upstreams)
  for (const [name, [, state, reason]] of Object.entries(cases)) {
    const told = await status(
      (each) => each.name === name && each.state !== 'connecting' && each.state !== 'connected',
    )
    t.match(told, { state, reason, nextTry: /Z$/ }, name)
  }
})

t.test(
  'a board that has no pins to tell of is there, and one that says nothing is not',
  async (t) => {
    const far = await startedFarSide(t, { said: (_text, socket) => socket.send('{}') })
    const settings = { dialect: 'netzer', url: `ws://127.0.0.1:${far.port}/ws` } as const
    const { connect, endings, next } = dialledBy(t, netzerBoard, { settings })
    connect()
    t.equal(await endings.next(), undefined)
    far.sockets[0]?.send('{"u":{"v":{"0":"1"}}}')
    t.same(await next('report', '0'), { state: true })

    const { port } = await startedFarSide(t, {})
    const silent = dialledBy(t, netzerBoard, {
      settings: { ...settings, url: `ws://127.0.0.1:${port}/ws` },
    })
    silent.connect()
    t.match(await silent.endings.next(), {
      reason: 'expected the values of the pins, nothing came',
    })
  },
)
