/** Node-RED beside the hub of docker-compose.yml: it signs in as the user nodered, by a secret that is in no flow. */
const { copyFileSync, existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

const secret = process.env.CLOWN_HUB_PASSWORD_FILE ?? '/run/secrets/nodered'
process.env.CLOWN_HUB_PASSWORD = readFileSync(secret, 'utf8').trim()

// The example is there once, and belongs to whoever changes it.
for (const name of ['flows.json', 'flows_cred.json']) {
  const place = join(process.env.NODE_RED_DATA ?? '/data', name)
  if (!existsSync(place)) copyFileSync(join(__dirname, name), place)
}

module.exports = { flowFile: 'flows.json', credentialSecret: false }
