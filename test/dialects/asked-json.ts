export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse answers, for tests to look into
  readonly body: any
  readonly headers: Headers
}

/** Sends a request to a port of this machine; `body` is sent as JSON, or as it is when it is a text. */
export async function ask(
  port: number,
  [method, path]: readonly [method: string, path: string],
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers,
    ...(text !== undefined && { body: text }),
  })
  const said = await answer.text()
  return {
    status: answer.status,
    body: said === '' ? undefined : JSON.parse(said),
    headers: answer.headers,
  }
}
