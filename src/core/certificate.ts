import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContextOptions,
  type Server,
} from 'node:tls'
import type { Logger } from 'pino'
import { HubError, reasonOf } from './errors.ts'
import { followFiles, readSecretFile, readTextFile } from './files.ts'

export interface CertificateFiles {
  /** The certificate in PEM, and behind it those between it and the authority. */
  readonly certFile: string
  /** Its private key in PEM, without a password; only its owner may read the file. */
  readonly keyFile: string
  /** Those who sign the certificates of clients, in PEM. */
  readonly clientCaFile?: string | undefined
  /** Which of those are revoked, in PEM. */
  readonly clientCrlFile?: string | undefined
  readonly clientCertificates?: 'optional' | 'required' | undefined
}

/** What `node:tls` wants to know. */
type CertificatePair = SecureContextOptions & { readonly cert: string }

/** A certificate and its key, as the files have them now. */
export interface Certificate {
  /** Whether a server asks clients for a certificate, and ends the connections of those without. */
  readonly asks: { readonly requestCert: boolean; readonly rejectUnauthorized: boolean }
  /** Gives `server` the pair, and each later one that is in order. */
  secure(server: Pick<Server, 'setSecureContext'>): void
  /** Reads the files now. */
  look(): void
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
 * @throws HubError as `readCertificate` when the first pair is not in order.
 */
export function openCertificate(
  files: CertificateFiles,
  { log, pollMs }: CertificateOptions,
): Certificate {
  const servers = new Set<Pick<Server, 'setSecureContext'>>()
  const { certFile, keyFile, clientCaFile, clientCrlFile, clientCertificates } = files
  const followed = [certFile, keyFile, clientCaFile ?? [], clientCrlFile ?? []].flat()
  const { current, look, close } = followFiles(followed, {
    read: () => readCertificate(files),
    changed: (pair) => {
      for (const server of servers) server.setSecureContext(pair)
      log.info({ event: 'certificate-taken', certFile }, 'the certificate was read anew')
    },
    broken: (error) => {
      const fields = { reason: reasonOf(error) }
      log.warn(
        { event: 'certificate-refused', ...fields },
        'the new certificate is not in order: the old one stays',
      )
    },
    pollMs,
  })
  return {
    asks: {
      requestCert: clientCaFile !== undefined,
      rejectUnauthorized: clientCaFile !== undefined && clientCertificates === 'required',
    },
    secure: (server) => {
      servers.add(server)
      server.setSecureContext(current())
    },
    look,
    close,
  }
}

/**
 * RFC 8996: TLS before 1.2 is not to be spoken any more; RFC 9325, 4.2: nor SHA-1 with CBC. A client that
 * negotiates anew again and again has the hub do its work (CVE-2011-1473).
 */
const strict = {
  minVersion: 'TLSv1.2',
  ciphers: `${DEFAULT_CIPHERS}:!SHA1`,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const

/**
 * The pair as the files have it now, for TLS 1.2 and later.
 *
 * @throws HubError `unreadable-file`, `exposed-secret` for a key that others may read, or `bad-config`
 * when the two are not a certificate and its key.
 */
export function readCertificate(files: CertificateFiles): CertificatePair {
  const { certFile, keyFile } = files
  const cert = readTextFile('tls.certFile', certFile).text
  const key = readSecretFile('tls.keyFile', keyFile).text
  const pair = { cert, key, ...strict }
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
  return { ...pair, ...readClientAuthorities(files) }
}

/** @throws HubError `unreadable-file`, or `bad-config` for what is no list of certificates. */
function readClientAuthorities({ clientCaFile, clientCrlFile }: CertificateFiles) {
  if (clientCaFile === undefined) {
    if (clientCrlFile === undefined) return {}
    throw new HubError('bad-config', 'expected tls.clientCaFile beside tls.clientCrlFile, got none')
  }
  const ca = readTextFile('tls.clientCaFile', clientCaFile).text
  const crl = clientCrlFile && { crl: readTextFile('tls.clientCrlFile', clientCrlFile).text }
  try {
    createSecureContext({ ca, ...crl })
    // A text without any certificate is taken for no authority at all.
    if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('there is none')
  } catch (cause) {
    const expected = 'expected tls.clientCaFile to hold certificates, and tls.clientCrlFile lists'
    throw new HubError('bad-config', `${expected}, in PEM: ${reasonOf(cause)}`, { cause })
  }
  return { ca, ...crl }
}
