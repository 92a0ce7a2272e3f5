import { parseArgs } from 'node:util'
import { folderLines, saveBackup } from '../store/backup.ts'
import { isLocked } from '../store/store-errors.ts'
import { type CliCommand, onlyOne, readArguments, required } from './arguments.ts'
import { streamFromHub } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { longWork } from './long-work.ts'

const usage = `backup --data DIR FILE ${hubUsage}`

export const backup: CliCommand = {
  usage,
  summary: 'save what a hub keeps, from its data folder, or by HTTP from an admin while it runs',
  run: async (args, terminal) => {
    const options = { data: { type: 'string' }, ...hubOptions } as const
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const folder = required(values.data, 'the data folder after --data', usage)
    const file = onlyOne(positionals, 'the name of one file', usage)
    const untouched = () => `${file} is as it was before`
    return longWork(terminal, untouched, async ({ counted }) => {
      const save = async (
        lines: AsyncIterable<string | Uint8Array>,
        name: string,
        from: string,
      ) => {
        const count = await saveBackup(file, counted(lines, name))
        terminal.print(`${file} has ${count} values of ${from}`)
      }
      try {
        await save(folderLines(folder), 'values', folder)
      } catch (error) {
        if (!isLocked(error)) throw error
        const hub = hubAddress(values, terminal)
        const pieces = await streamFromHub(hub, { path: '/api/backup', json: '{}' }, terminal)
        await save(pieces, 'pieces', `the hub at ${hub.url}`)
      }
      return 0
    })
  },
}
