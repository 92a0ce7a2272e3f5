import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether this is a user of ours with that password: a text, or its bytes in UTF-8. */
export type SignIn = (user: string, password: string | Readonly<Buffer>) => boolean

/** Checks against `users`, by name. Takes the same time for a wrong password and an unknown user. */
export function createSignIn(
  users: Readonly<Record<string, { readonly password: string }>>,
): SignIn {
  const digests = new Map(
    Object.entries(users).map(([name, user]) => [name, sha256(user.password)]),
  )
  const nobody = sha256('')
  return (user, password) => {
    const digest = digests.get(user)
    const same = timingSafeEqual(sha256(password), digest ?? nobody)
    return same && digest !== undefined
  }
}

function sha256(text: string | Readonly<Buffer>): Buffer {
  return createHash('sha256').update(text).digest()
}
