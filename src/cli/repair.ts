import { repairStore } from '../store/data-folder.ts'
import { type CliCommand, readDataArguments } from './arguments.ts'
import { longWork } from './long-work.ts'

const usage = 'repair --data DIR'

export const repair: CliCommand = {
  usage,
  summary: 'save what can be read of a store that cannot be opened; it is kept aside as it was',
  run: async (args, terminal) => {
    const { folder } = readDataArguments(args, usage, 0)
    const untouched = () => `the store in ${folder} is as it was`
    return longWork(terminal, untouched, async (long) => {
      const { values, bytes, missing, asideIn } = await repairStore(folder, long)
      terminal.print(
        `saved ${values} values of ${bytes} bytes; the store as it was is in ${asideIn}`,
      )
      if (missing !== undefined) terminal.print(`not all that was written is there: ${missing}`)
      return 0
    })
  },
}
