import t from 'tap'
import { requireProgram } from '../programs.ts'
import { program, startCommand } from './started-lab.ts'

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
