import type { Terminal } from './command.ts'
import { refusedCode } from './command-outcome.ts'
import type { HubAddress } from './hub-address.ts'
import type { HubAnswer } from './hub-client.ts'
import { answerOf, interruptedCode, refusalIn } from './hub-question.ts'

/** What a command that only reads asks, and how it prints what came. */
export interface Listing {
  readonly path: string
  readonly isJson: boolean
  linesOf(answer: HubAnswer): readonly string[]
}

/**
 * Asks a hub for a list and prints it; answers the exit code.
 *
 * @throws HubError `cannot-connect`, as `answerOf`, or as `linesOf` throws it.
 */
export async function printList(
  hub: HubAddress,
  { path, isJson, linesOf }: Listing,
  terminal: Terminal,
): Promise<number> {
  const answer = await answerOf(hub, { path }, terminal)
  if (answer === undefined) return interruptedCode
  const refusal = refusalIn(answer)
  if (isJson) terminal.print(JSON.stringify(answer.body))
  else if (refusal !== undefined) terminal.print(`refused: ${refusal}`)
  else for (const line of linesOf(answer)) terminal.print(line)
  return refusal === undefined ? 0 : refusedCode
}
