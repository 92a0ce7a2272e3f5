/** The public door: what an embedding program may use. Everything else may change at any time. */
export type { Config, ConfigInput } from './config.ts'
export { type ErrorCode, errorCodes, HubError } from './core/errors.ts'
export type * as ClownModel from './generated/clown-model.ts'
export { type Hub, type HubOptions, startHub } from './hub.ts'
