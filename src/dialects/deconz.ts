import type { OpenServedDialect } from './served-dialect.ts'

export const openDeconz: OpenServedDialect = () => ({
  answer: () => ({ status: 404 }),
  greet: () => ({ status: 404 }),
  close: () => {},
})
