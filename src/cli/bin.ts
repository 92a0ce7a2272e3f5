#!/usr/bin/env node
import { main } from './main.ts'

/** npm passes on a Ctrl-C that the terminal sends here as well; that is not the user asking twice. */
const sameSignalMs = 1000

const stopped = new Promise<void>((resolve) => {
  let firstAtMs: number | undefined
  const stop = () => {
    const nowMs = performance.now()
    firstAtMs ??= nowMs
    resolve()
    // Whoever asks again does not want to wait.
    if (nowMs - firstAtMs > sameSignalMs) process.exit(130)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
})

process.exitCode = await main(process.argv.slice(2), {
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  printError: (line) => process.stderr.write(`${line}\n`),
  stopped,
})
