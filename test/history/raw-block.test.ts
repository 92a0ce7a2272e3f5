import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { merged, type PointSource } from '../../src/history/raw-block.ts'

class ListSource implements PointSource {
  readonly name: number
  readonly #times: readonly number[]
  #place = -1

  constructor(name: number, times: readonly number[]) {
    this.name = name
    this.#times = times
  }

  get at(): number {
    return Number(this.#times[this.#place])
  }

  next(): boolean {
    this.#place += 1
    return this.#place < this.#times.length
  }
}

const lists = fc.array(
  fc.array(fc.integer({ min: 0, max: 20 })).map((times) => times.sort((a, b) => a - b)),
)

t.test(
  'all points of all sources come once, by their times and then by their sources',
  async () => {
    fc.assert(
      fc.property(lists, (all) => {
        const sources = all.map((times, name) => new ListSource(name, times))
        const seen: [at: number, name: number][] = []
        for (const { at, name } of merged(sources)) seen.push([at, name])
        const plain = all.flatMap((times, name) =>
          times.map((at) => [at, name] as [number, number]),
        )
        assert.deepEqual(
          seen,
          plain.sort((one, other) => one[0] - other[0] || one[1] - other[1]),
        )
      }),
    )
  },
)
