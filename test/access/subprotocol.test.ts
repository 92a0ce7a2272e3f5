import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { chooseTalk, ticketIn } from '../../src/access/subprotocol.ts'

function offering(list?: string): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  if (list !== undefined) request.headers['sec-websocket-protocol'] = list
  return request
}

t.test('only the name of the language is ever selected', async (t) => {
  t.equal(chooseTalk(new Set(['clown.ticket.abc', 'clown.talk.v1'])), 'clown.talk.v1')
  t.equal(chooseTalk(new Set(['clown.ticket.abc', 'mqtt'])), false)
})

t.test('a ticket is found among what is offered', async (t) => {
  t.equal(ticketIn(offering('clown.talk.v1, clown.ticket.a-_Z')), 'a-_Z')
  t.equal(ticketIn(offering('clown.talk.v1,clown.tickets.x')), undefined)
  t.equal(ticketIn(offering()), undefined)
})
