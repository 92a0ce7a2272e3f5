#!/usr/bin/env node
/*
 * Old versions of Node.js have to get as far as the sentence below: nothing is imported before it, and
 * nothing is written here that Node.js 12 cannot read. What follows needs 20.19.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isOld = major < 20 || (major === 20 && minor < 19)

// Node.js opens a debugger at this signal, to all of this machine, unless somebody else hears it.
process.on('SIGUSR1', () => {})

if (isOld) {
  process.stderr.write(
    `clown-hub: expected Node.js 20.19 or newer, got ${process.versions.node}: see https://nodejs.org/en/download\n`,
  )
  process.exitCode = 1
} else {
  void import('./program.ts')
}
