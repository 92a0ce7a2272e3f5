/** Where a request comes from, past the proxies that are trusted. */
export interface Peer {
  readonly address: string
  /** Whether nobody between there and here can listen. */
  readonly isSecure: boolean
  /** The origin of the page it comes from, when that is neither ours nor listed. */
  readonly foreignOrigin: string | undefined
  /** The name of the cookie that would hold its session. */
  readonly cookieName: string
}
