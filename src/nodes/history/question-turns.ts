/** QuestionTurns for history, which may take long: whose turn it is. */

import { HubError } from '../../core/errors.ts'

/** Whether there is too much to do, and what is done for whom. */
export interface QuestionLoad {
  note(user: string, ms: number): void
  sheds(user: string): boolean
}

/** Lets users take turns: whoever asks much waits for the others, and not they for that one. */
export interface QuestionTurns {
  /** @throws HubError `too-fast` when `user` waits for many answers, or costs most while the hub is overloaded. */
  check(user: string): void
  /** Runs `act` when it is the turn of `user`, and ends with it. The time it takes counts as done for that user. */
  answer(user: string, act: () => Promise<void>): Promise<void>
}

/** So many are answered at once: while one waits for the disk, another goes on. */
const mostAtOnce = 2

/** So many of a user wait for their turn. */
const mostWaiting = 64

export function createQuestionTurns(load: QuestionLoad): QuestionTurns {
  /** Who waits, whose turn comes first in front. */
  const lines = new Map<string, (() => void)[]>()
  let running = 0
  const goOn = () => {
    const [first] = lines
    if (first === undefined || running === mostAtOnce) return
    const [user, line] = first
    const go = line.shift()
    lines.delete(user)
    if (line.length > 0) lines.set(user, line)
    running += 1
    go?.()
  }
  const turnOf = (user: string) =>
    new Promise<void>((resolve) => {
      lines.set(user, [...(lines.get(user) ?? []), resolve])
      goOn()
    })
  return {
    check: (user) => {
      if (load.sheds(user)) {
        throw new HubError('too-fast', 'expected fewer questions while the hub has too much to do')
      }
      if ((lines.get(user)?.length ?? 0) < mostWaiting) return
      throw new HubError(
        'too-fast',
        `expected at most ${mostWaiting} questions of a user to wait for an answer, got more`,
      )
    },
    answer: async (user, act) => {
      await turnOf(user)
      const startedMs = performance.now()
      try {
        await act()
      } finally {
        running -= 1
        load.note(user, performance.now() - startedMs)
        goOn()
      }
    },
  }
}
