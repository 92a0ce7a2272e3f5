/** The hub's HTTP API, as docs describe it. Addresses are relative, so that they hold with a path prefix. */
import { compareClocks } from './clock.ts'

/** The hub has refused a request: `status` is that of HTTP, and `message` the hub's own sentence. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  /** Seconds after which to try again; undefined when the hub does not say. */
  readonly retryAfter: number | undefined

  constructor(status: number, { code, message }: ApiProblem, retryAfter?: number) {
    super(message)
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

interface ApiProblem {
  readonly code: string
  readonly message: string
}

/** The hub cannot be reached at all; browsers do not tell pages why. */
class HubAwayError extends Error {}

type Query = Readonly<Record<string, string | number | undefined>>

function apiUrl(path: string, query: Query = {}): string {
  const known = Object.entries(query).filter(([, value]) => value !== undefined)
  const parameters = new URLSearchParams(known.map(([key, value]) => [key, String(value)]))
  return known.length === 0 ? path : `${path}?${parameters}`
}

/** @throws ApiError, HubAwayError */
export async function getJson<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await request(apiUrl(path, query), signal ? { signal } : {})
  return (await response.json()) as T
}

/** @throws ApiError, HubAwayError */
export async function postJson(path: string, body?: unknown): Promise<Response> {
  const json = { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
  return request(path, { method: 'POST', ...(body === undefined ? {} : json) })
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { cache: 'no-store', ...init })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new HubAwayError(String(error))
  }
  compareClocks(response.headers.get('date'))
  if (response.ok) return response
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const seconds = Number.isNaN(retryAfter) ? undefined : retryAfter
  throw new ApiError(response.status, problemIn(await response.text()), seconds)
}

/** Errors of the API are JSON; those that come before it are a sentence. */
function problemIn(text: string): ApiProblem {
  try {
    const { code, message } = JSON.parse(text)
    return { code: String(code), message: String(message) }
  } catch {
    return { code: '', message: text.trim() }
  }
}
