import t from 'tap'
import { atLength } from '../../full-length.ts'
import { requireProgram, startMosquitto } from '../../programs.ts'
import { wireTo } from '../cut-wire.ts'
import { duringFault, type Fault, houseOf } from '../house-of-hubs.ts'

const killed: Fault = {
  withinMs: 500,
  goesOnWithinMs: 5000,
  mostChanges: 1,
  begin: async ({ hubs }, owner) => {
    const hub = hubs.get(owner)?.hub
    hubs.delete(owner)
    await hub?.kill()
  },
  end: async ({ start }, owner) => start(owner),
}

const frozen: Fault = {
  withinMs: 4000,
  goesOnWithinMs: 5000,
  mostChanges: 1,
  begin: async ({ hubs }, owner) => {
    process.kill(Number(hubs.get(owner)?.hub.processId), 'SIGSTOP')
  },
  end: async ({ hubs }, owner) => {
    process.kill(Number(hubs.get(owner)?.hub.processId), 'SIGCONT')
  },
}

const cut: Fault = {
  withinMs: 4000,
  goesOnWithinMs: 5000,
  mostChanges: 1,
  begin: async ({ hubs }, owner) => hubs.get(owner)?.place.cut(),
  end: async ({ hubs }, owner) => hubs.get(owner)?.place.mend(),
}

for (const names of process.env['FULL_LENGTH'] === '1'
  ? [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]
  : [['a', 'b', 'c']]) {
  t.test(
    `of ${names.length} hubs the one that commands is frozen, cut off and killed`,
    async (t) => {
      if (requireProgram(t, 'mosquitto') === undefined) return
      const { url, port } = await startMosquitto(t)
      const placeOf = async () => {
        const wire = await wireTo(t, port)
        return { url: `mqtt://127.0.0.1:${wire.port}`, cut: wire.cut, mend: wire.mend }
      }
      const house = await houseOf(t, names, { url, placeOf })
      for (let round = 0; round < atLength(20, 1); round++) {
        await t.test('F69: frozen', (t) => duringFault(t, house, frozen))
        await t.test('F70: cut off', (t) => duringFault(t, house, cut))
        await t.test('F71: killed', (t) => duringFault(t, house, killed))
      }
    },
  )
}
