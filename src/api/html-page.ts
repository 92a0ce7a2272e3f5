/** The few pages of the hub itself: plain HTML without scripts, whose links are relative for the sake of prefixes. */
import type { ServerResponse } from 'node:http'
import type { GetRoute } from '../core/route.ts'

export interface HtmlPage {
  readonly title: string
  /** HTML, in which every text from elsewhere is escaped. */
  readonly main: string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

export function sendPage(
  response: ServerResponse,
  { title, main, status = 200, headers = {} }: HtmlPage,
): void {
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="stylesheet" href="hub.css">
<link rel="icon" href="hub.svg">
<main>
${main}
</main>
</html>
`
  const always = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    // Under no-referrer a browser calls the origin of a form null: the Fetch standard, 3.1.
    'Referrer-Policy': 'same-origin',
  }
  response.writeHead(status, { ...always, ...headers }).end(body)
}

/** A text as HTML shows it, between tags and in the quotes of an attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function fileRoute(type: string, text: string): GetRoute {
  return {
    get: ({ response }) => {
      const headers = {
        'Content-Type': `${type}; charset=utf-8`,
        'Content-Length': Buffer.byteLength(text),
        'Cache-Control': 'max-age=3600',
      }
      response.writeHead(200, headers).end(text)
    },
  }
}

const style = `
:root {
  color-scheme: light dark;
  --ground: #f3f1ec; --card: #fff; --text: #22252b; --quiet: #5c6370; --line: #d9d5cc;
  --accent: #b8321f; --on-accent: #fff; --warning: #fbe6e2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #17191d; --card: #22252b; --text: #eceae5; --quiet: #a3a9b5; --line: #3b404a;
    --accent: #ff8a70; --on-accent: #2a0d06; --warning: #4a211a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 1rem; min-height: 100vh; display: grid; place-items: center;
  background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
main {
  width: 100%; max-width: 36rem; padding: clamp(1.25rem, 5vw, 2.5rem);
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
}
main:has(> form.sign-in) { max-width: 24rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; color: var(--quiet); }
p { margin: .5rem 0; }
a { color: var(--accent); }
ul { margin: 0; padding: 0; list-style: none; }
li { padding: .6rem 0; border-top: 1px solid var(--line); }
li small { display: block; color: var(--quiet); font-size: .875rem; }
code { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: .875rem; }
.who {
  display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between;
  margin-top: 1.5rem;
}
.who p { margin: 0; }
.alert { margin-top: 1rem; padding: .6rem .8rem; background: var(--warning); border-radius: .4rem; }
label { display: block; margin-top: 1rem; font-size: .875rem; color: var(--quiet); }
input {
  width: 100%; margin-top: .25rem; padding: .65rem .75rem; font: inherit; color: inherit;
  background: var(--ground); border: 1px solid var(--line); border-radius: .4rem;
}
button, .button {
  display: inline-block; padding: .6rem 1.1rem; font: inherit; font-weight: 600; text-decoration: none;
  color: var(--on-accent); background: var(--accent); border: 0; border-radius: .4rem; cursor: pointer;
}
.sign-in button { width: 100%; margin-top: 1.5rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<circle cx="16" cy="16" r="15" fill="#ffd9b8"/><circle cx="10" cy="11" r="2.5"/><circle cx="22" cy="11" r="2.5"/>
<circle cx="16" cy="17" r="4.5" fill="#d9301a"/>
<path d="M7 21a10 8 0 0 0 18 0" fill="none" stroke="#b8321f" stroke-width="2.5" stroke-linecap="round"/>
</svg>
`

/** What these pages load: the policy of the hub takes nothing that stands in a page itself. */
export const pageFiles: ReadonlyMap<string, GetRoute> = new Map([
  ['/hub.css', fileRoute('text/css', style)],
  ['/hub.svg', fileRoute('image/svg+xml', icon)],
])
