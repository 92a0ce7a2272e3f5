import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { Server } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

export interface HeardRequest {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly body: string
}

export interface Answer {
  readonly status: number
  /** An object goes as JSON, a text as it is. */
  readonly body: unknown
}

/** A real HTTP server in place of a hub: it gives `answer`, and remembers what it was asked. */
export async function answeringHub(t: Test, answer: Answer) {
  const heard: HeardRequest[] = []
  const port = await listening(
    t,
    createServer(async (request, response) => {
      const { method, url, headers } = request
      const { authorization, 'content-type': contentType } = headers
      heard.push({ method, path: url, authorization, contentType, body: await text(request) })
      response.writeHead(answer.status).end(textOf(answer.body))
    }),
  )
  return { url: `http://clown:bigclown@127.0.0.1:${port}`, port, heard }
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body)
}

/** The same with TLS and a certificate that signs itself. */
export function listeningTls(
  t: Test,
  pair: ServerOptions,
  listener: RequestListener,
): Promise<number> {
  return listening(t, createTlsServer(pair, listener))
}

/** The port that `server` listens on until the test ends. */
export async function listening(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}
