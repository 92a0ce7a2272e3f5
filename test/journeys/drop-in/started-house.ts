import type { Test } from 'tap'
import { ranLine } from '../../cli/run-line.ts'
import type { Login } from '../../programs.ts'
import { testFolder } from '../../test-folder.ts'
import { startProgram } from '../started-lab.ts'

/** A hub as its commands make it, with its settings as they come, and the logins of its users. */
export async function startedHouse(t: Test, users: Readonly<Record<string, readonly string[]>>) {
  const dir = testFolder(t)
  await clownHub(t, 'init', '--dir', dir)
  const passwords = new Map<string, string>()
  for (const [name, options] of Object.entries(users)) {
    const output = await clownHub(t, 'user', 'add', name, ...options, '--file', `${dir}/users.yaml`)
    passwords.set(name, /^password: (.+)$/m.exec(output)?.[1] ?? '')
  }
  const freePorts = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const hub = startProgram(t, ['run', '--config', `${dir}/clown-hub.yaml`], freePorts)
  const [, port] = /MQTT port (\d+)/.exec(await hub.output.next()) ?? []
  const login = (name: string): Required<Pick<Login, 'port' | 'user' | 'password'>> => ({
    port: Number(port),
    user: name,
    password: passwords.get(name) ?? '',
  })
  return { hub, login }
}

/** Runs clown-hub to its end in this process, and answers what it printed. */
async function clownHub(t: Test, ...words: string[]): Promise<string> {
  const { code, output } = await ranLine(words.join(' '))
  t.equal(code, 0, words.join(' '))
  return output.join('\n')
}
