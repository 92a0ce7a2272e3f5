import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../../src/config.ts'
import { testCertificate } from '../certificates.ts'
import { requireProgram, run } from '../programs.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

/** An authority that openssl made, and what it does: sign certificates, and revoke them. */
async function authority(t: Test) {
  const openssl = requireProgram(t, 'openssl')
  if (openssl === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'authority-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/index.txt`, '')
  writeFileSync(`${folder}/crlnumber`, '01\n')
  const config = `${folder}/ca.cnf`
  const section = ['[ca]', 'default_ca = own', '[own]', `database = ${folder}/index.txt`]
  const rest = [`crlnumber = ${folder}/crlnumber`, 'default_md = sha256', 'default_crl_days = 1']
  writeFileSync(config, `${[...section, ...rest].join('\n')}\n`)
  const does = async (...args: string[]) => {
    const { code, output } = await run(openssl, args)
    t.equal(code, 0, output)
  }
  const caFile = `${folder}/ca.crt`
  const signing = ['-CA', caFile, '-CAkey', `${folder}/ca.key`]
  const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const own = ['-subj', '/CN=authority', '-keyout', `${folder}/ca.key`, '-out', caFile]
  await does(...fresh, ...own, '-days', '2')
  const certificateOf = async (name: string, subject = `/CN=${name}`) => {
    const file = `${folder}/${name}`
    const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const out = ['-keyout', `${file}.key`, '-out', `${file}.csr`]
    await does('req', ...request, '-subj', subject, ...out)
    const sign = ['-in', `${file}.csr`, ...signing, '-CAcreateserial', '-days', '2']
    await does('x509', '-req', ...sign, '-out', `${file}.crt`)
    return { cert: readFileSync(`${file}.crt`), key: readFileSync(`${file}.key`) }
  }
  const ca = ['-config', config, '-cert', caFile, '-keyfile', `${folder}/ca.key`]
  const crlFile = `${folder}/ca.crl`
  const revoke = (name: string) => does('ca', ...ca, '-revoke', `${folder}/${name}.crt`)
  const writeList = () => does('ca', ...ca, '-gencrl', '-out', crlFile)
  return { caFile, crlFile, certificateOf, revoke, writeList }
}

const users = {
  panel: { password: 'panel-password', role: 'viewer' },
  anonymous: { rules: [{ allow: ['read'], topic: 'public/#' }] },
} as const

type Pair = { cert?: Buffer; key?: Buffer }

async function started(t: Test, tls: Partial<NonNullable<ConfigInput['tls']>>) {
  const { certFile, keyFile, ca } = await testCertificate(t)
  const hub = await startedHub(t, {
    users,
    tls: { certFile, keyFile, httpPort: 0, mqttPort: 0, ...tls },
  })
  const { httpsPort: port = 0, mqttsPort = 0 } = hub
  const whoIs = async (pair: Pair, headers = {}) => {
    const request = get({ ...pair, ca, port, host: 'localhost', path: '/session', headers })
    const [response] = await once(request, 'response')
    const body = (await response.toArray()).join('')
    return response.statusCode === 200 ? JSON.parse(body).user : response.statusCode
  }
  const mqtt = async (pair: Pair, login = {}) => {
    const url = `mqtts://localhost:${mqttsPort}`
    const client = await connectAsync(url, { ...pair, ca, reconnectPeriod: 0, ...login })
    const granted = new Promise((resolve) => {
      client.subscribe('secret/a', (_error, _granted, packet) => resolve(packet?.granted[0]))
    })
    const code = await granted
    await client.endAsync()
    return code
  }
  return { hub, ca, port, mqttsPort, whoIs, mqtt }
}

t.test('F64: a client certificate signs its user in, by HTTP, websocket and MQTT', async (t) => {
  const made = await authority(t)
  if (made === undefined) return
  const panel = await made.certificateOf('panel')
  const nobody = await made.certificateOf('nobody')
  const { whoIs, mqtt, ca, port } = await started(t, { clientCaFile: made.caFile })
  t.equal(await whoIs(panel), 'panel')
  t.equal(await whoIs(nobody), 401, 'no user has that name')
  t.equal(await whoIs(await made.certificateOf('nameless', '/O=lab')), 401)
  t.equal(await whoIs({}), 401)
  const basic = { Authorization: `Basic ${btoa('panel:panel-password')}` }
  t.equal(await whoIs({}, basic), 'panel', 'a password does, too')
  t.equal(await whoIs(panel, { Origin: 'https://stranger.example' }), 403)
  const websocket = new WebSocket(`wss://localhost:${port}/talk`, { ...panel, ca })
  await once(websocket, 'open')
  websocket.terminate()
  t.equal(await mqtt(panel), 0, 'it may read what panel may')
  t.equal(await mqtt(panel, { username: 'panel' }), 0)
  await t.rejects(mqtt(panel, { username: 'other' }), { code: 4 })
  t.equal(await mqtt({}), 128, 'the anonymous may not')
  t.equal(await mqtt(nobody), 128)
})

t.test('F64: one that another authority has signed is none', async (t) => {
  const made = await authority(t)
  const others = await authority(t)
  if (made === undefined || others === undefined) return
  const forged = await others.certificateOf('panel')
  const optional = await started(t, { clientCaFile: made.caFile })
  t.equal(await optional.whoIs(forged), 401)
  t.equal(await optional.mqtt(forged), 128)
  const required = await started(t, {
    clientCaFile: made.caFile,
    clientCertificates: 'required',
  })
  await t.rejects(required.whoIs(forged))
  await t.rejects(required.whoIs({}))
  await t.rejects(required.mqtt({}))
  t.equal(await required.whoIs(await made.certificateOf('panel')), 'panel')
})

t.test('F64: one that is revoked is none, as soon as the list says so', async (t) => {
  const made = await authority(t)
  if (made === undefined) return
  const panel = await made.certificateOf('panel')
  await made.writeList()
  const { hub, whoIs, mqtt } = await started(t, {
    clientCaFile: made.caFile,
    clientCrlFile: made.crlFile,
  })
  t.equal(await whoIs(panel), 'panel')
  await made.revoke('panel')
  await made.writeList()
  await hub.log.next(({ msg }) => msg === 'the certificate was read anew')
  t.equal(await whoIs(panel), 401)
  t.equal(await mqtt(panel), 128)
})

t.test('F64: TLS is not negotiated anew, and not with SHA-1', async (t) => {
  const { port, mqttsPort } = await started(t, {})
  for (const at of [port, mqttsPort]) {
    const options = { port: at, host: '127.0.0.1', rejectUnauthorized: false }
    const socket = connect({ ...options, maxVersion: 'TLSv1.2' })
    await once(socket, 'secureConnect')
    const refused = new Promise((resolve) => {
      socket.renegotiate({}, (error) => resolve(error))
      socket.on('error', resolve)
      socket.on('close', resolve)
    })
    t.match(await refused, Error)
    socket.destroy()
    const old = { ciphers: 'ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:AES128-SHA' }
    const weak = connect({ ...options, ...old, maxVersion: 'TLSv1.2' })
    const [error] = await once(weak, 'error')
    t.match(error.code, /HANDSHAKE_FAILURE/)
  }
})

t.test('F64: what is no list of authorities is told before the hub starts', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const folder = testFolder(t, { nothing: 'nothing' })
  const start = (tls: object) => startedHub(t, { users, tls: { certFile, keyFile, ...tls } })
  await t.rejects(start({ clientCaFile: `${folder}/nothing` }), { code: 'bad-config' })
  await t.rejects(start({ clientCaFile: certFile, clientCrlFile: `${folder}/nothing` }), {
    code: 'bad-config',
    message:
      /^expected tls\.clientCaFile to hold certificates, and tls\.clientCrlFile lists, in PEM/,
  })
  await t.rejects(start({ clientCrlFile: `${folder}/nothing` }), {
    message: 'expected tls.clientCaFile beside tls.clientCrlFile, got none',
  })
})
