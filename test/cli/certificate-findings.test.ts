import t from 'tap'
import { certificateFindings } from '../../src/cli/certificate-findings.ts'
import { testCertificate } from '../certificates.ts'

const dayMs = 24 * 60 * 60 * 1000

t.test('a certificate is told of 30 days before its end, and after it', async (t) => {
  const files = await testCertificate(t)
  const inDays = (days: number) => certificateFindings(files, Date.now() + days * dayMs)
  t.same(certificateFindings(files), [])
  t.same(inDays(824 - 31), [])
  t.match(inDays(824 - 29), [/^tls\.certFile ".*tls\.crt" expires on \d{4}-\d\d-\d\d: put a new/])
  t.match(inDays(825), [/^tls\.certFile ".*tls\.crt" has expired on \d{4}-\d\d-\d\d: put a new/])
})
