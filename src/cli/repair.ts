import { repairStore } from '../store/data-folder.ts'
import { type CliCommand, printAnswer, readDataArguments } from './arguments.ts'
import { longWork } from './long-work.ts'

const usage = 'repair --data DIR [--json]'

export const repair: CliCommand = {
  usage,
  summary: 'save what can be read of a store that cannot be opened; it is kept aside as it was',
  run: async (args, terminal) => {
    const { folder, json } = readDataArguments(args, usage, 0)
    const untouched = () => `the store in ${folder} is as it was`
    return longWork(terminal, untouched, async (long) => {
      const repaired = await repairStore(folder, long)
      const { values, bytes, missing, asideIn } = repaired
      const lines = [
        `saved ${values} values of ${bytes} bytes; the store as it was is in ${asideIn}`,
        ...(missing === undefined ? [] : [`not all that was written is there: ${missing}`]),
      ]
      printAnswer(terminal, { json }, { value: { folder, ...repaired }, lines })
      return 0
    })
  },
}
