import { register } from 'node:module'

// The test runner imports this into every process of a test: see "tap" in package.json. There,
// TAP_TYPE_STRIP_ONLY keeps the runner's own compiler out, which each process of the first run after an installation would load.
const isCounted = process.env['_TAPJS_PROCESSINFO_COVERAGE_'] === '1'
register('./hooks.mjs', import.meta.url, { data: { isCounted } })
