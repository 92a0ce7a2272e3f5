import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkConfig } from '../src/config.ts'
import { hardwareProfiles } from '../src/hardware-profiles.ts'

const users = { clown: { password: 'bigclown' } }

/** The names that a configuration may turn off. */
function namesInSchema(): string[] {
  const url = new URL('../schemas/config.schema.json', import.meta.url)
  const { properties } = JSON.parse(readFileSync(url, 'utf8'))
  return properties.profiles.properties.off.items.enum
}

t.test('every profile can be turned off by its name, and nothing else can', async (t) => {
  const all = hardwareProfiles(checkConfig({ users })).map(({ name }) => name)
  t.same([...namesInSchema()].sort(), [...all].sort())
  const config = checkConfig({ users, profiles: { off: ['tasmota', 'home-assistant'] } })
  const left = hardwareProfiles(config).map(({ name }) => name)
  t.same(
    left,
    all.filter((name) => name !== 'tasmota' && name !== 'home-assistant'),
  )
})
