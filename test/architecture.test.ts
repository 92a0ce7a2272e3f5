import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const source = fileURLToPath(new URL('../src', import.meta.url))

/** The floors of the house, lowest first. What stands in one row does not know its neighbours. */
const floors = [
  ['generated'],
  ['core'],
  ['store'],
  ['access', 'history'],
  ['bus'],
  ['mqtt'],
  ['nodes'],
  ['profiles', 'dialects'],
  ['ws', 'http', 'api', 'upstreams', 'bridges', 'metrics', 'notify'],
  ['hub'],
  ['simulator'],
  ['cli', 'index'],
]

/** Programs of their own: what each may use, besides itself. */
const programs: Record<string, readonly string[]> = {
  simulator: ['core', 'generated'],
  cli: ['hub', 'mqtt', 'access', 'store', 'core', 'simulator', 'generated'],
  index: ['hub', 'core', 'generated'],
}

/** These belong to the composition root. */
const roomOfFile: Record<string, string> = {
  config: 'hub',
  setup: 'hub',
  'whole-backup': 'hub',
  'served-dialects': 'hub',
  'hardware-profiles': 'hub',
  operations: 'hub',
  'forget-user': 'hub',
  'open-bridges': 'hub',
  'open-bus': 'hub',
  'hub-ports': 'hub',
  'open-mdns': 'hub',
  'open-ports': 'hub',
  'open-upstreams': 'hub',
  reload: 'hub',
}

function roomOf(path: string): string {
  const [first = ''] = relative(source, path).replace(/\.ts$/, '').split('/')
  return roomOfFile[first] ?? first
}

function floorOf(room: string): number {
  return floors.findIndex((rooms) => rooms.includes(room))
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const specifiers = [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path = '']) => path)
  return specifiers.map((path) => join(dirname(file), path))
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => join(source, path))

t.test('every file stands in a known room', async (t) => {
  for (const file of files) t.not(floorOf(roomOf(file)), -1, relative(source, file))
})

t.test('imports run downwards only, and siblings do not import each other', async (t) => {
  const wrong = files.flatMap((file) => {
    const room = roomOf(file)
    const allowed = (other: string) =>
      other === room || (programs[room]?.includes(other) ?? floorOf(other) < floorOf(room))
    return importsOf(file)
      .filter((imported) => !allowed(roomOf(imported)))
      .map((imported) => `${relative(source, file)} imports ${relative(source, imported)}`)
  })
  t.same(wrong, [])
})

t.test('an exported name is declared once', async (t) => {
  const declaration =
    /^export (?:abstract |async |declare )*(?:class|const|function\*?|interface|let|type) (\w+)/gm
  const declared = files
    // Each of those checks what one schema says.
    .filter((file) => roomOf(file) !== 'generated')
    .flatMap((file) => {
      const names = [...readFileSync(file, 'utf8').matchAll(declaration)].map(([, name]) => name)
      return [...new Set(names)].map((name) => `${name}`)
    })
  t.ok(declared.includes('startHub'))
  t.same(
    declared.filter((name, at) => declared.indexOf(name) !== at),
    [],
  )
})

/** A file that only one file of its folder imports is part of that file, but for these. */
const aloneFor: Readonly<Record<string, string>> = {
  'api/openapi-paths': 'has what is asked, and both are too large for one file',
  'bridges/inward': 'is one direction, and both are too large for one file',
  'bridges/outward': 'is one direction, and both are too large for one file',
  'bus/foreign/broker-socket': 'is TCP and TLS, and knows no MQTT',
  'bus/foreign/link-properties':
    'translates what two packages call differently, and knows no connection',
  'cli/class-sheet': 'is what a class gets on paper, apart from who is made',
  'cli/lab-dialects': 'loads every language, for which no help text has to wait',
  'cli/doctor-hub': 'asks a hub that runs, apart from what reads files',
  'cli/message-format': 'is the letters of mosquitto_sub, apart from what subscribes',
  'cli/main': 'is the program as tests run it, without a process',
  'cli/service-manager': 'is what systemd is told, which running a hub is without',
  'dialects/deconz/commands':
    'has the table of what can be written, and both are too large for one',
  'dialects/deconz/devices': 'is a part of the API of its own, which draws what others read',
  'dialects/deconz/rest': 'has the table of what can be asked for, and both are too large for one',
  'dialects/jeedom/recorded': 'reads the history, which nothing else of the language does',
  'dialects/jeedom/rpc': 'is what is asked by HTTP, apart from the websocket',
  'dialects/netzer/conversation': 'is a websocket with its triggers, apart from who may come in',
  'dialects/tvheadend/events': 'is what mailboxes are filled with, and both are too large for one',
  'dialects/profile-rows': 'has the rows of one table that is too large for a file',
  'forget-user': 'is what is known of a user in all parts, which no part can know',
  'hardware-profiles': 'is the list to which a convention of hardware is added',
  'http/check-request': 'is what a request has to pass, and both are too large for one',
  'mqtt/connection': 'is one connection, and the broker knows many',
  'mqtt/deadlines': 'is tried by a clock of its own',
  'mqtt/sessions': 'is tried by a clock of its own',
  'mqtt/wills': 'is tried by a clock of its own',
  'nodes/changes-among-hubs': 'is asked and answered as commands are, and tried without a broker',
  'nodes/commands/audit-file': 'is lines on a disk, whatever stands in them',
  'nodes/among-hubs': 'is what differs where there are several hubs: a lone one has none of it',
  'nodes/arrivals': 'is what follows once a message is on the bus, and both are too large for one',
  'nodes/profiles/trust': 'is the rule that keeps doors shut, and is read without what keeps it',
  'nodes/registry/questions': 'is tried by a clock of its own',
  'nodes/relay-guard/auto-off': 'is a rule of the guard, which has one file each',
  'nodes/relay-guard/interlocks': 'is a rule of the guard, which has one file each',
  'nodes/relay-guard/switch-rate': 'is a rule of the guard, which has one file each',
  'nodes/relay-guard/witnesses': 'is a rule of the guard, which has one file each',
  operations: 'is what operators are told of all parts, which the list of parts has no room for',
  'notify/outbox': 'is tried by a clock of its own, and knows nothing of what is wrong',
  'notify/watch': 'has the conditions of all rules, apart from what is told of them',
  'open-mdns': 'is told to the local network, by a package that need not be there',
  'open-ports': 'is where the hub listens, which the list of parts has no room for',
  reload: 'is what a running hub takes of a configuration, which nothing else has to know',
  'profiles/home-assistant/templates/filters':
    'has the tables of filters and functions, apart from how they are called',
  'profiles/shelly/components': 'is the table of components, apart from what is heard',
  'profiles/tasmota/old-module': 'is how modules are found that announce nothing',
  'profiles/tasmota/parts': 'is the table of what modules have, apart from what is heard',
  'profiles/home-assistant/abbreviations': 'is a table of names that others have made',
  'profiles/home-assistant/availability': 'is whether an entity can be reached, whatever it is',
  'profiles/home-assistant/colors': 'is arithmetic, and lights are too long with it',
  'profiles/home-assistant/components': 'is what entities are, apart from how they are announced',
  'profiles/home-assistant/lights': 'is one kind of entity, and all are too large for one file',
  'profiles/home-assistant/movers': 'is one kind of entity, and all are too large for one file',
  'profiles/home-assistant/templates/expressions':
    'is the language of expressions, apart from that of blocks',
  'profiles/zigbee2mqtt/exposes': 'is what a device can do, apart from what a gateway tells',
  'store/memory-store': 'passes the contract of stores',
  'upstreams/deconz/resources': 'is what the resources are, apart from how they are heard of',
  'upstreams/jeedom/equipment': 'is what the equipment is, apart from how it is heard of',
  'ws/event-streams': 'is one kind of connection, which knows nothing of the others',
  'ws/feed': 'is what is told to a session, apart from what it says',
  'ws/mqtt-route': 'is one kind of websocket, which knows nothing of the others',
  'ws/talk-route': 'is one kind of websocket, which knows nothing of the others',
  'ws/whole-messages': 'is tried frame by frame, and both are too large for one',
}

t.test('no file is a piece of another one, but for a reason', async (t) => {
  const imports = files.map((file) => ({ file, imported: importsOf(file) }))
  const alone = files.filter((file) => {
    const importers = imports.filter(({ imported }) => imported.includes(file))
    const [importer, another] = importers.map((each) => each.file)
    return another === undefined && importer !== undefined && dirname(importer) === dirname(file)
  })
  const names = alone.map((file) => relative(source, file).replace(/\.ts$/, ''))
  t.same(
    names.filter((name) => roomOf(join(source, name)) !== 'generated').sort(),
    Object.keys(aloneFor).sort(),
  )
})

t.test('a command line loads no command but the one it runs', async (t) => {
  const loaded = new Set([join(source, 'cli/program.ts')])
  for (const file of loaded) {
    const text = readFileSync(file, 'utf8')
    const imports = [...text.matchAll(/^import [^{]*(?:\{[^}]*\} )?from '(\.[^']+)'/gm)]
    for (const [line, path = ''] of imports) {
      if (!line.startsWith('import type')) loaded.add(join(dirname(file), path))
    }
  }
  const rooms = new Set([...loaded].map(roomOf))
  t.same([...rooms], ['cli', 'core'])
  t.ok(loaded.size < 10, [...loaded].map((file) => relative(source, file)).join(' '))
})

/** What all dialects stand on. */
const ground = [
  'dialect',
  'served-dialect',
  'model-row',
  'model-table',
  'profile-rows',
  'reading-rows',
  'authenticate',
  'event-memory',
  'key-operations',
]

t.test('a dialect knows no other dialect, and what they share knows none', async (t) => {
  // A dialect is one file, or a folder.
  const dialectOf = (file: string) =>
    /^dialects\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(relative(source, file))?.[1]
  const inDialects = files.filter((file) => roomOf(file) === 'dialects')
  t.ok(ground.every((name) => inDialects.some((file) => dialectOf(file) === name)))
  for (const file of inDialects) {
    const own = dialectOf(file)
    const others = importsOf(file)
      .map(dialectOf)
      .filter((other) => other !== undefined && other !== own && !ground.includes(other))
    t.same(others, [], relative(source, file))
  }
})

t.test('a profile knows no other profile', async (t) => {
  // A profile is one file, or a folder.
  const profileOf = (file: string) =>
    /^profiles\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(relative(source, file))?.[1]
  const inProfiles = files.filter((file) => roomOf(file) === 'profiles')
  t.not(inProfiles.length, 0)
  for (const file of inProfiles) {
    const others = importsOf(file)
      .map(profileOf)
      .filter((other) => other !== undefined && other !== profileOf(file))
    t.same(others, [], relative(source, file))
  }
})

t.test(
  'what is known of nodes knows nothing of commands, and neither of their guard',
  async (t) => {
    const rooms = ['registry', 'commands', 'relay-guard']
    const inNodes = files.filter((file) => roomOf(file) === 'nodes')
    const floorInNodes = (file: string) =>
      rooms.findIndex((room) => relative(source, file).startsWith(`nodes/${room}/`))
    t.same(
      rooms.filter((_, floor) => !inNodes.some((file) => floorInNodes(file) === floor)),
      [],
    )
    for (const file of inNodes.filter((file) => floorInNodes(file) !== -1)) {
      const wrong = importsOf(file).filter((path) => floorInNodes(path) > floorInNodes(file))
      t.same(wrong, [], relative(source, file))
    }
  },
)

/** Where every file has a process of its own: see "tap" in package.json. These folders need time, or programs. */
const foldersOfFiles = [
  'conformance',
  'journeys',
  'journeys/dashboard',
  'journeys/drop-in',
  'faults',
  'faults/measured',
  'soak',
]

t.test('no test is left out: the files of a folder share a process', async (t) => {
  const tests = fileURLToPath(new URL('.', import.meta.url))
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  const folders = files.filter((path) => path.endsWith('.test.ts')).map((path) => dirname(path))
  for (const folder of new Set(folders)) {
    if (foldersOfFiles.includes(folder)) continue
    t.ok(files.includes(join(folder, 'folder.test.ts')), join(folder, 'folder.test.ts'))
  }
})
