#!/usr/bin/env node
import { main } from './main.ts'

const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      resolve()
      // Whoever asks twice does not want to wait.
      process.once(signal, () => process.exit(130))
    })
  }
})

process.exitCode = await main(process.argv.slice(2), {
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  printError: (line) => process.stderr.write(`${line}\n`),
  stopped,
})
