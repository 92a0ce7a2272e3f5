/** Does things once at the end of a turn of the event loop, however often they were asked for. */
export interface TurnEnd {
  add(task: { flush(): void }): void
}

export function createTurnEnd(): TurnEnd {
  let tasks: { flush(): void }[] = []
  const runAll = () => {
    const due = tasks
    tasks = []
    for (const task of due) task.flush()
  }
  return {
    add: (task) => {
      if (tasks.length === 0) setImmediate(runAll)
      tasks.push(task)
    },
  }
}
