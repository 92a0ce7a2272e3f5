/** The process around `main`: its arguments, streams and signals. */
import { systemClock } from '../core/clock.ts'
import { main } from './main.ts'
import { firstStopSignal, progressOn, screenOf } from './terminal.ts'

// Whoever closes the other end of a pipe does not want to read on; that is no reason to end a hub.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.exitCode = await main(process.argv.slice(2), {
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  write: (text) =>
    new Promise((resolve) => {
      process.stdout.write(text, (error) => resolve(!error))
    }),
  printError: (line) => process.stderr.write(`${line}\n`),
  progress: progressOn(process.stderr),
  input: process.stdin,
  screen: screenOf(process.stdout, process.env),
  endOnDefect: (tell) => {
    /* c8 ignore next 5: it ends the process, as test/faults/defects.test.ts has it end another one. */
    process.once('uncaughtException', (error) => {
      // Whatever is thrown by that ends it as well.
      tell(error)
      process.exit(1)
    })
  },
  ignore: (signals) => {
    for (const signal of signals) process.on(signal, () => {})
  },
  onReload: (reload) => {
    process.on('SIGHUP', reload)
  },
  stopped: firstStopSignal({
    signals: process,
    now: performance.now.bind(performance),
    after: systemClock.after,
    exit: process.exit,
    kill: process.kill.bind(process, process.pid),
  }),
})
