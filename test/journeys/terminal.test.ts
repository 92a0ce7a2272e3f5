import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { requireProgram, run } from '../programs.ts'
import { program, startCommand, startLab } from './started-lab.ts'

const settings = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0', NO_COLOR: '1' }

t.test('in a terminal the lab greets first, and logs for people', async (t) => {
  const script = requireProgram(t, 'script')
  if (script === undefined) return
  const line = `${process.execPath} ${program} lab --dialects none`
  const lab = startCommand(t, [script, '-qec', line, '/dev/null'], settings)
  const warning = await lab.output.next((text) => text.includes('lab mode: everybody knows'))
  t.match(warning, /^\d\d:\d\d:\d\d warn {2}lab mode: everybody knows clown and the password/)
  const [first = ''] = lab.output.items
  t.match(first, /^Clown\.Hub .* in lab mode/)
  const greeting = lab.output.items.findIndex((text) => text.startsWith('  ["relay/'))
  t.ok(greeting > 0 && greeting < lab.output.items.indexOf(warning), 'the greeting is whole')
  t.notMatch(lab.output.items.join('\n'), /"level":/)
})

t.test('top, chart and talk draw on a terminal, and leave it as it was', async (t) => {
  const tmux = requireProgram(t, 'tmux')
  if (tmux === undefined) return
  const lab = await startLab(t)
  const url = `http://clown:bigclown@127.0.0.1:${lab.httpPort}`
  const socket = `clown-hub-${process.pid}`
  const command = async (...args: string[]) =>
    (await run(tmux, ['-L', socket, '-f', '/dev/null', ...args])).output
  t.teardown(() => command('kill-server'))
  const environment = ['-e', `CLOWN_HUB_URL=${url}`, '-e', 'PS1=$ ', '-e', 'NODE_OPTIONS=']
  await command('new-session', '-d', '-x', '90', '-y', '30', ...environment, 'sh')
  const type = (...keys: string[]) => command('send-keys', ...keys)
  /** What is on the screen, once `wanted` is. */
  const shown = async (wanted: RegExp) => {
    for (let left = 200; left > 0; left--) {
      const text = await command('capture-pane', '-p')
      if (wanted.test(text)) return text
      await pause(100)
    }
    return command('capture-pane', '-p')
  }
  const hub = `${process.execPath} ${program}`
  await type('echo before', 'Enter')
  await shown(/^before$/m)
  await type(`${hub} top --every 0.5`, 'Enter')
  const top = await shown(/^mqtt.* tcp +\d/m)
  t.match(top, /^Clown\.Hub .* ready, up \d+ s/)
  t.match(top, /^nodes +\d+ online, /m)
  t.notMatch(top, /before/)
  await type('C-c')
  t.match(await shown(/^before$/m), /^before$/m, 'what was there is there again')
  await type(`clear; ${hub} chart thermometer/i2c0-48 --since 60s`, 'Enter')
  t.match(await shown(/temperature/), /^temperature ℃: [\d.]+, from [\d.]+ to [\d.]+$/m)
  await type(`clear; ${hub} talk ${url.replace('http', 'ws')}/talk/nodes/bridge/0`, 'Enter')
  await shown(/relay\/i2c0-3b/)
  await type('relay/i2c0-3b/set {"state": true}', 'Enter')
  t.match(await shown(/confirmed/), /confirmed/)
})
