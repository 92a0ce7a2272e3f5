import type { Test } from 'tap'
import type { ConfigInput } from '../src/config.ts'
import { type TestCertificate, testCertificate } from './certificates.ts'
import { type StartedHub, startedHub } from './started-hub.ts'

export interface StartedTlsHub extends StartedHub {
  readonly httpsPort: number
  readonly mqttsPort: number
  readonly certificate: TestCertificate
}

/** A hub with TLS ports besides the plain ones, and the certificate that its clients have to trust. */
export async function startedTlsHub(
  t: Test,
  config: Partial<ConfigInput> = {},
): Promise<StartedTlsHub> {
  const certificate = await testCertificate(t)
  const { certFile, keyFile } = certificate
  const tls = { certFile, keyFile, httpPort: 0, mqttPort: 0 }
  const hub = await startedHub(t, { ...config, tls })
  const { httpsPort, mqttsPort } = hub
  if (httpsPort === undefined || mqttsPort === undefined) throw new Error('expected TLS ports')
  return { ...hub, httpsPort, mqttsPort, certificate }
}
