import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { createInbox, type Inbox } from '../inbox.ts'

export interface Hooked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface HookServer {
  readonly url: string
  readonly port: number
  readonly taken: Inbox<Hooked>
  /** What it answers from now on. */
  answer(status: number): void
}

/** Takes webhooks. */
export async function hookServer(t: Test, port = 0): Promise<HookServer> {
  const taken = createInbox<Hooked>()
  let status = 200
  const server = createHttpServer((request, response) => {
    const { url: path = '', headers } = request
    text(request).then((body) => {
      taken.put({ path, headers, body })
      response.writeHead(status).end('thank you')
    }, t.fail)
  })
  const opened = await listening(t, server, port)
  const answer = (next: number) => {
    status = next
  }
  return { url: `http://127.0.0.1:${opened}`, port: opened, taken, answer }
}

/** Takes e-mail, as RFC 5321 has it, from whoever signs in with the password `mails` or not at all. */
export async function mailServer(t: Test) {
  const mails = createInbox<string>()
  const said = createInbox<string>()
  const server = createServer((socket) => {
    const reply = (line: string) => socket.write(`${line}\r\n`)
    let mail: string[] | undefined
    const write = (line: string, lines: string[]) => {
      if (line !== '.') {
        lines.push(line)
        return
      }
      mails.put(lines.join('\n'))
      mail = undefined
      reply('250 taken')
    }
    const obey = (line: string) => {
      said.put(line)
      const [word = ''] = line.toUpperCase().split(' ')
      if (word === 'DATA') mail = []
      reply(smtpAnswer(word, line))
      if (word === 'QUIT') socket.end()
    }
    reply('220 test')
    createInterface({ input: socket }).on('line', (line) => {
      if (mail === undefined) obey(line)
      else write(line, mail)
    })
    socket.on('error', () => {})
  })
  return { port: await listening(t, server, 0), mails, said }
}

function smtpAnswer(word: string, line: string): string {
  const answers: Record<string, string> = {
    EHLO: '250-test\r\n250 AUTH PLAIN',
    DATA: '354 go on',
    AUTH: line.endsWith(btoa('\0hub\0mails')) ? '235 welcome' : '535 no',
    QUIT: '221 bye',
  }
  return answers[word] ?? '250 well'
}

async function listening(t: Test, server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}
