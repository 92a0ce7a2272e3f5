// Runs the journeys of the main job on another Node.js, whose version is the argument: the hub, its commands
// and the tests themselves.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { installedNode } from './npm-programs.ts'

const journeys = ['browser', 'commands', 'first-day', 'five-ways', 'lab', 'nodes', 'users']

const program = await installedNode(process.argv[2] ?? '')
const files = journeys.map((name) => `test/journeys/${name}.test.ts`)
const command = ['node_modules/.bin/tap', '--disable-coverage', '--reporter=tap', ...files]
const [code] = await once(spawn(program, command, { stdio: 'inherit' }), 'exit')
process.exitCode = code ?? 1
