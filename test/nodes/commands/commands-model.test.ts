import fc from 'fast-check'
import t from 'tap'
import type { ReceiptName } from '../../../src/core/message.ts'
import { type Asked, openedCommands, timeoutMs } from './opened-commands.ts'

/** What is to be true of the last command to a device, written down without a table of states. */
interface ModelLife {
  readonly asked: string
  readonly atMs: number
  readonly receipts: ReceiptName[]
  /** What may still be reported in answer to this and earlier commands. */
  readonly expected: string[]
  /** What was reported last. */
  last: string | undefined
  isDone: boolean
  isPast: boolean
}

interface Model {
  nowMs: number
  readonly lives: Map<string, ModelLife>
  readonly last: Map<string, string>
}

type Real = ReturnType<typeof openedCommands> & { readonly asked: Map<string, Asked> }

const devices = ['a/1', 'a/2']
const states = ['on', 'off', '1-dot']

function agree(model: Model, { asked }: Real): void {
  for (const [device, { receipts }] of model.lives) {
    const real = asked.get(device)?.names
    if (JSON.stringify(real) !== JSON.stringify(receipts)) {
      throw new Error(`${device}: expected ${receipts}, got ${real}`)
    }
  }
}

class Ask implements fc.Command<Model, Real> {
  readonly device: string
  readonly state: string
  constructor(device: string, state: string) {
    this.device = device
    this.state = state
  }
  check = () => true
  run(model: Model, real: Real): void {
    const before = model.lives.get(this.device)
    const realBefore = real.asked.get(this.device)
    const isOvertaken = before !== undefined && isOpen(model, before)
    const isFollowed = before !== undefined && model.nowMs < before.atMs + timeoutMs
    real.asked.set(this.device, real.ask(this.state, { device: this.device }))
    if (isOvertaken && realBefore?.names.at(-1) !== 'superseded') throw new Error('not superseded')
    model.lives.set(this.device, {
      asked: this.state,
      atMs: model.nowMs,
      receipts: ['accepted', 'sent'],
      expected: [...(isFollowed ? before.expected : []), this.state],
      last: model.last.get(this.device),
      isDone: false,
      isPast: false,
    })
    agree(model, real)
  }
  toString = () => `ask ${this.device} ${this.state}`
}

function isOpen({ nowMs }: Model, { isDone, atMs }: ModelLife): boolean {
  return !isDone && nowMs < atMs + timeoutMs
}

class Report implements fc.Command<Model, Real> {
  readonly device: string
  readonly state: string
  constructor(device: string, state: string) {
    this.device = device
    this.state = state
  }
  check = () => true
  run(model: Model, real: Real): void {
    real.reports(this.state, this.device)
    model.last.set(this.device, this.state)
    const life = model.lives.get(this.device)
    if (life !== undefined && model.nowMs <= life.atMs + timeoutMs + 60_000) {
      this.#expect(model, life)
    }
    agree(model, real)
  }
  #expect(model: Model, life: ModelLife): void {
    const answered = life.expected.indexOf(this.state)
    const isThis = life.expected.slice(answered).every((asked) => asked === this.state)
    if (answered >= 0) life.expected.splice(answered, 1)
    const isNew = life.last !== life.asked
    life.last = this.state
    if (life.isDone) return
    const inTime = isOpen(model, life)
    if (life.asked === this.state) {
      if (!isNew || (answered >= 0 && !isThis)) return
      life.receipts.push(inTime ? 'confirmed' : 'confirmed-late')
      life.isDone = true
    } else if (answered < 0 && inTime && life.receipts.at(-1) === 'sent') {
      life.receipts.push('mismatch')
    }
  }
  toString = () => `report ${this.device} ${this.state}`
}

class Step implements fc.Command<Model, Real> {
  readonly milliseconds: number
  constructor(milliseconds: number) {
    this.milliseconds = milliseconds
  }
  check = () => true
  run(model: Model, real: Real): void {
    real.clock.step(this.milliseconds)
    model.nowMs += this.milliseconds
    for (const life of model.lives.values()) {
      if (life.isDone || life.isPast || isOpen(model, life)) continue
      life.isPast = true
      if (life.last === life.asked) life.receipts.push('already-so')
      else life.receipts.push(life.receipts.at(-1) === 'sent' ? 'timed-out' : 'mismatch')
    }
    agree(model, real)
  }
  toString = () => `step ${this.milliseconds}`
}

t.test('any sequence of commands, reports and time goes as the model says', async () => {
  const device = fc.constantFrom(...devices)
  const state = fc.constantFrom(...states)
  const steps = fc.commands(
    [
      fc.tuple(device, state).map(([at, asked]) => new Ask(at, asked)),
      fc.tuple(device, state).map(([at, told]) => new Report(at, told)),
      fc.constantFrom(1, 100, 4900, timeoutMs, 60_000).map((time) => new Step(time)),
    ],
    { maxCommands: 60 },
  )
  const start = () => ({
    model: { nowMs: 0, lives: new Map<string, ModelLife>(), last: new Map<string, string>() },
    real: { ...openedCommands(), asked: new Map<string, Asked>() },
  })
  fc.assert(
    fc.property(steps, (sequence) => fc.modelRun(start, sequence)),
    { numRuns: 500 },
  )
})
