// Aedes as its manual starts it, on a socket without Nagle's delay.

import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { portOf } from '../../src/core/listen.ts'
import { answerQuestions } from './watch.ts'

answerQuestions()
const aedes = await Aedes.createBroker()
const server = createServer({ noDelay: true }, (socket) => {
  aedes.handle(socket)
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: portOf(server) }))
