import { rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { GenerateResult, SubjectAltNameEntry } from 'selfsigned'
import { HubError, reasonOf } from '../core/errors.ts'

/** The files of a new certificate, to be named as `certFile` and `keyFile` of the part `tls`. */
export interface MadeCertificate {
  readonly certFile: string
  readonly keyFile: string
  /** The names and addresses it is good for. */
  readonly names: readonly string[]
}

export const certificateNames = { certFile: 'tls.crt', keyFile: 'tls.key' } as const

const dayMs = 24 * 60 * 60 * 1000

/** Apple's systems accept 825 days at most. It begins yesterday, for clocks that are behind. */
const validDays = { before: 1, after: 824 }

/**
 * Makes a certificate that signs itself, for this machine and `names` (host names, IP addresses), as
 * `tls.crt` and `tls.key` in `directory`. The key is an elliptic curve one, for its owner only.
 *
 * @throws HubError `bad-command-line` when one of the files is there already or cannot be written,
 * and when the package selfsigned, which is optional, is not installed.
 */
export async function makeCertificate(
  directory: string,
  names: readonly string[] = [],
  load: () => Promise<Pick<typeof import('selfsigned'), 'generate'>> = () => import('selfsigned'),
): Promise<MadeCertificate> {
  const all = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...names])]
  const pems = await generate(all, load)
  const certFile = join(directory, certificateNames.certFile)
  const keyFile = join(directory, certificateNames.keyFile)
  await writeNew(keyFile, pems.private, 0o600)
  try {
    await writeNew(certFile, pems.cert, 0o644)
  } catch (error) {
    await rm(keyFile)
    throw error
  }
  return { certFile, keyFile, names: all }
}

async function generate(
  names: readonly string[],
  load: () => Promise<Pick<typeof import('selfsigned'), 'generate'>>,
): Promise<GenerateResult> {
  const selfsigned = await load().catch((cause: unknown) => {
    const mend = 'npm install selfsigned, or make a certificate with openssl'
    throw new HubError('bad-command-line', `expected the package selfsigned: ${mend}`, { cause })
  })
  const nowMs = Date.now()
  return selfsigned.generate([{ name: 'commonName', value: 'Clown.Hub' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(nowMs - validDays.before * dayMs),
    notAfterDate: new Date(nowMs + validDays.after * dayMs),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map(alternativeName) },
    ],
  })
}

/** RFC 5280, 4.2.1.6: 2 is a DNS name, 7 an address. */
function alternativeName(name: string): SubjectAltNameEntry {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }
}

/** Never writes over a file: whoever made it may need it. */
async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode, flush: true })
  } catch (cause) {
    const message = `expected to write a new file ${JSON.stringify(file)}: ${reasonOf(cause)}`
    throw new HubError('bad-command-line', message, { cause })
  }
}
