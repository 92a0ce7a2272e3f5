import type { IncomingMessage, ServerResponse } from 'node:http'

/** Whether a person asks with the address bar, a link or a form of a browser, and not a page or program for them. */
export function isNavigation({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-mode'] === 'navigate' || headers.accept?.includes('text/html') === true
}

/** Leads a browser on after a form: RFC 9110, 15.4.4. `place` is relative, as the links of our pages. */
export function sendOn(response: ServerResponse, place: string): void {
  response
    .writeHead(303, { Location: place, 'Content-Length': 0, 'Cache-Control': 'no-store' })
    .end()
}
