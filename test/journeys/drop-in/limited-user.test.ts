import t, { type Test } from 'tap'
import { writePrivate } from '../../access/users.ts'
import { type Login, publish, requireProgram, startMosquitto, subscribe } from '../../programs.ts'
import { testFolder } from '../../test-folder.ts'
import { requirePython, startPython } from './python.ts'
import { startedHouse } from './started-house.ts'

type LoginOf = (name: 'guest' | 'house') => Login

/** Each broker with somebody who may read little, and somebody who may do everything. */
const brokers: Readonly<Record<string, (t: Test) => Promise<LoginOf>>> = {
  Mosquitto: async (t) => {
    const file = `${testFolder(t)}/acl`
    const lines = [
      'user guest',
      'topic read weather/#',
      'topic deny weather/secret/#',
      'topic read nodes/+/door',
      'user house',
      'topic readwrite #',
    ]
    writePrivate(file, `${lines.join('\n')}\n`)
    const users = { guest: 'guest', house: 'house' }
    const { port } = await startMosquitto(t, { users, config: [`acl_file ${file}`] })
    return (user) => ({ port, user, password: user })
  },
  'the hub': async (t) => {
    const guest = ['--allow', 'read:weather/#', '--allow', 'read:nodes/+/door']
    const { login } = await startedHouse(t, {
      guest: [...guest, '--deny', 'read:weather/secret/#'],
      house: ['--kind', 'node-red'],
    })
    return login
  },
}

/** paho, as programs and people's scripts use it: it prints what was granted, and then what comes. */
const listener = `
import sys
import paho.mqtt.client as mqtt
port, user, password, topic = sys.argv[1:]
client = mqtt.Client()
client.username_pw_set(user, password)
client.on_connect = lambda client, data, flags, code: client.subscribe(topic, 1)
client.on_subscribe = lambda client, data, mid, granted: print('granted', granted[0])
client.on_message = lambda client, data, message: print(int(message.retain), message.topic, message.payload.decode())
client.connect('127.0.0.1', int(port))
client.loop_forever()
`

const own = ['weather', 'weather/rain', 'nodes/hall/door']
const others = ['weather/secret/x', 'nodes/hall/relay', 'nodes/door', 'house/door']
const lines = ['1 kept', '0 live'].flatMap((line) =>
  own.map((topic) => line.replace(' ', ` ${topic} `)),
)

for (const [name, start] of Object.entries(brokers)) {
  t.test(`whoever may read little and asks for # gets that, on ${name}`, async (t) => {
    if (requireProgram(t, 'mosquitto') === undefined) return
    if (!(await requirePython(t, 'paho.mqtt.client'))) return
    const login = await start(t)
    const say = (topic: string, payload: string, retain: boolean) =>
      publish({ ...login('house'), topic, payload, retain })
    for (const topic of [...others, ...own]) await say(topic, 'kept', true)

    const explorer = await subscribe(t, { ...login('guest'), filter: '#', format: '%r %t %p' })
    const { port, user, password } = login('guest')
    const paho = startPython(t, listener, [port, user, password, '#'])
    t.equal(await paho.next(), 'granted 1')
    const readers = Object.entries({ mosquitto_sub: explorer, paho })
    const heard = async (line: string) => {
      for (const [, inbox] of readers) await inbox.next((item) => item === line)
    }
    for (const line of lines.filter((line) => line.startsWith('1'))) await heard(line)
    for (const topic of [...others, ...own]) await say(topic, 'live', false)
    // Published last of all: whoever has it has had the rest.
    await heard(lines.at(-1) ?? '')
    for (const [who, inbox] of readers) {
      const items = inbox.items.filter((line) => !line.startsWith('granted'))
      t.same([...items].sort(), [...lines].sort(), `${who} has that and nothing else`)
    }
  })
}
