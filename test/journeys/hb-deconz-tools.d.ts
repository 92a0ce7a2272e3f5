/** The package has no types. */
declare module 'hb-deconz-tools/WsClient' {
  import type { EventEmitter } from 'node:events'

  export class WsClient extends EventEmitter {
    constructor(options: { readonly host: string; readonly retryTime: number })
    listen(): void
    close(): Promise<void>
  }
}
