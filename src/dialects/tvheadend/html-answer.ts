import { STATUS_CODES } from 'node:http'
import type { ServedAnswer } from '../served-dialect.ts'

/** How Tvheadend says that something is not so: a status, and a page for people. */
export function htmlAnswer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): ServedAnswer {
  const title = `${status} ${STATUS_CODES[status]}`
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`
  return { status, headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers }, body }
}

/** What clients of the original are used to. */
export function jsonAnswer(body: string): ServedAnswer {
  return { status: 200, headers: { 'Content-Type': 'text/x-json; charset=UTF-8' }, body }
}
