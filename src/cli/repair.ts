import { repairStore } from '../store/data-folder.ts'
import { type CliCommand, readDataArguments } from './arguments.ts'

const usage = 'repair --data DIR'

export const repair: CliCommand = {
  usage,
  summary: 'save what can be read of a store that cannot be opened; it is kept aside as it was',
  run: async (args, { print }) => {
    const { folder } = readDataArguments(args, usage, 0)
    const { values, bytes, missing, asideIn } = await repairStore(folder)
    print(`saved ${values} values of ${bytes} bytes; the store as it was is in ${asideIn}`)
    if (missing !== undefined) print(`not all that was written is there: ${missing}`)
  },
}
