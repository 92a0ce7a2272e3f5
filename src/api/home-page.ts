import type { IncomingMessage } from 'node:http'
import type { Peer, RequestSignIn, RequestSignInResult } from '../access/request-sign-in.ts'
import type { GetRoute } from '../core/route.ts'
import { escaped, sendPage } from './html-page.ts'

export interface HomePageOptions {
  readonly ofRequest: RequestSignIn['ofRequest']
  peerOf(request: IncomingMessage): Pick<Peer, 'isSecure'>
  readonly pathPrefix: string
  readonly version: string
}

/** What is behind this address, for who opens it in a browser. */
export function homePage(options: HomePageOptions): GetRoute {
  return {
    get: async ({ request, response }) => {
      const who = whoIs(await options.ofRequest(request))
      const main = [introduction, who, links, addresses(request, options)].join('\n')
      sendPage(response, { title: 'Clown.Hub', main })
    },
  }
}

const introduction = `<h1>Clown.Hub</h1>
<p>The hub for the hardware in this house or lab. Pages and programs talk to it by websocket, hardware by MQTT.</p>`

function whoIs(result: RequestSignInResult): string {
  if (!('user' in result)) {
    return `<div class="who"><p>You are not signed in.</p><a class="button" href="login">Sign in</a></div>`
  }
  const { name, role } = result.user
  const title = role === undefined ? '' : `, ${role}`
  const signedIn = `<p>Signed in as <strong>${escaped(name)}</strong>${title}</p>`
  // A password that the browser itself keeps is sent until the browser is closed.
  const out = result.until
    ? '<form method="post" action="logout"><button>Sign out</button></form>'
    : '<p class="quiet">Close the browser to sign out.</p>'
  return `<div class="who">${signedIn}${out}</div>`
}

const links = `<h2>Look</h2>
<ul>
<li><a href="api/nodes">Nodes and devices</a><small>what is known of the hardware, as JSON</small></li>
<li><a href="api/commands">Commands</a><small>who switched what, and what became of it</small></li>
<li><a href="api/conflicts">Conflicts</a><small>clients with one id, and nodes with one base, that are in each other's way</small></li>
<li><a href="healthz">Health</a><small>the version, and how often each odd thing happened</small></li>
<li><a href="readyz">Readiness</a><small>whether all that is promised can be done now</small></li>
</ul>`

function addresses(request: IncomingMessage, options: HomePageOptions): string {
  const { pathPrefix, version } = options
  const scheme = options.peerOf(request).isSecure ? 'wss' : 'ws'
  const base = escaped(`${scheme}://${request.headers.host}${pathPrefix}`)
  return `<h2>Connect</h2>
<ul>
<li><code>${base}/talk/nodes/bridge/0</code><small>lines of JSON, <code>["topic", payload]</code>, for pages and programs</small></li>
<li><code>${base}/mqtt</code><small>MQTT over websocket, with the subprotocol <code>mqtt</code></small></li>
</ul>
<p class="quiet">Clown.Hub ${escaped(version)}</p>`
}
