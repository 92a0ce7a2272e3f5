#!/usr/bin/env node
import { main } from './main.ts'
import { firstStopSignal } from './stop-signals.ts'

process.exitCode = await main(process.argv.slice(2), {
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  printError: (line) => process.stderr.write(`${line}\n`),
  stopped: firstStopSignal({
    signals: process,
    now: performance.now.bind(performance),
    exit: process.exit,
  }),
})
