import { X509Certificate } from 'node:crypto'
import { type CertificateFiles, readCertificate } from '../core/certificate.ts'

const dayMs = 24 * 60 * 60 * 1000
/** Authorities that renew by themselves do so at about this time. */
const soonDays = 30

/**
 * What is wrong with a certificate that is in order so far: that it has expired, or soon will.
 *
 * @throws HubError as `readCertificate`
 */
export function certificateFindings(files: CertificateFiles, nowMs = Date.now()): string[] {
  const lastMs = Date.parse(new X509Certificate(readCertificate(files).cert).validTo)
  const daysLeft = (lastMs - nowMs) / dayMs
  if (daysLeft >= soonDays) return []
  const verb = daysLeft < 0 ? 'has expired' : 'expires'
  const lastDay = new Date(lastMs).toISOString().slice(0, 10)
  const sentence = `tls.certFile ${JSON.stringify(files.certFile)} ${verb} on ${lastDay}`
  return [`${sentence}: put a new pair in its place, which a running hub takes up by itself`]
}
