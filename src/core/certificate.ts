import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls'
import type { Logger } from 'pino'
import { HubError, reasonOf } from './errors.ts'
import { readNamedFile, readSecretFile } from './secret-file.ts'
import { watchFiles } from './watch-files.ts'

export interface CertificateFiles {
  /** The certificate in PEM, and behind it those between it and the authority. */
  readonly certFile: string
  /** Its private key in PEM, without a password; only its owner may read the file. */
  readonly keyFile: string
}

/** A certificate and its key, as the files have them now. */
export interface Certificate {
  /** Gives `server` the pair, and each later one that is in order. */
  secure(server: Pick<Server, 'setSecureContext'>): void
  /** Looks at the files no longer. */
  close(): void
}

export interface CertificateOptions {
  readonly log: Logger
  readonly pollMs?: number
}

/**
 * Reads the pair and goes on watching its files. A new pair that is not in order is logged, and the
 * old one stays: between the writing of its two files, a pair never is.
 *
 * @throws HubError `unreadable-file` or `bad-config` when the first pair is not in order.
 */
export function openCertificate(
  files: CertificateFiles,
  { log, pollMs }: CertificateOptions,
): Certificate {
  const servers = new Set<Pick<Server, 'setSecureContext'>>()
  let pair: SecureContextOptions
  const renew = () => {
    try {
      pair = readPair(files)
    } catch (error) {
      log.warn(
        { reason: reasonOf(error) },
        'the new certificate is not in order: the old one stays',
      )
      return
    }
    for (const server of servers) server.setSecureContext(pair)
    log.info({ certFile: files.certFile }, 'the certificate was read anew')
  }
  // Watched before it is read, so that no change falls in between.
  const close = watchFiles([files.certFile, files.keyFile], renew, pollMs)
  try {
    pair = readPair(files)
  } catch (error) {
    close()
    throw error
  }
  return {
    secure: (server) => {
      servers.add(server)
      server.setSecureContext(pair)
    },
    close,
  }
}

function readPair({ certFile, keyFile }: CertificateFiles): SecureContextOptions {
  const cert = readNamedFile('tls.certFile', certFile)
  const key = readSecretFile('tls.keyFile', keyFile)
  // RFC 8996: TLS before 1.2 is not to be spoken any more.
  const pair: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' }
  try {
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error('the key belongs to another certificate')
    }
    createSecureContext(pair)
  } catch (cause) {
    const expected =
      'expected tls.certFile and tls.keyFile to hold a certificate and its key in PEM'
    throw new HubError('bad-config', `${expected}: ${reasonOf(cause)}`, { cause })
  }
  return pair
}
