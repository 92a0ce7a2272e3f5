import type { Receipt } from '../../core/message.ts'
import type { Visitor } from '../../nodes/served/visitors.ts'
import { choicesOf, modelTable } from '../model-table.ts'
import { type Element, success } from './answers.ts'
import {
  type AskedParameter,
  askedState,
  invalidValue,
  outcome,
  readParameters,
} from './light-command.ts'
import { groupStateOf, type Shown } from './resources.ts'

const address = '/groups/0/action'

/** What any light has: one that lacks some of it leaves that out. */
const anyLight = {
  form: 'choice',
  choices: modelTable.flatMap(choicesOf),
} as const

/**
 * Commands all lights that the visitor may see, and answers each parameter of `body`; undefined when it
 * has none that count. Lights that are away are left out as long as others are there, as of the original.
 */
export async function commandGroup(
  lights: readonly Shown[],
  { toggle, ...rest }: Readonly<Record<string, unknown>>,
  visitor: Pick<Visitor, 'command'>,
): Promise<Element[] | undefined> {
  const isToggled = toggle === true && rest['on'] === undefined
  const body = isToggled ? { ...rest, on: !groupStateOf(lights).any_on } : rest
  const parameters = readParameters(body, anyLight, address)
  const isWrong = toggle !== undefined && typeof toggle !== 'boolean'
  const faults = isWrong ? [invalidValue(address, 'toggle', toggle)] : []
  const told = parameters.filter(({ isSilent }) => !isSilent)
  if (told.length === 0) return faults.length === 0 ? undefined : faults
  const good = told.filter(({ fault }) => fault === undefined)
  const commands = lights.flatMap(({ device, row }) => {
    const state = askedState(good, row)
    if (state === undefined) return []
    return visitor.command(device.topic, { [row.key]: state })
  })
  const receipts = await Promise.all(commands)
  const elements = told.map(({ name, value, fault }) => {
    return fault ?? outcomeOfAll(receipts, { name, value, address })
  })
  return [...faults, ...elements]
}

/** Success as soon as one light was commanded, or none had to be; otherwise what became of the first. */
function outcomeOfAll(receipts: readonly Receipt[], asked: AskedParameter): Element {
  const outcomes = receipts.map((receipt) => outcome(receipt, asked))
  const done = outcomes.find((element) => 'success' in element)
  return done ?? outcomes[0] ?? success(`${asked.address}/${asked.name}`, asked.value)
}
