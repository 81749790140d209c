#!/usr/bin/env node
import { WalError } from '../mod.ts'
import { complain, run } from './run.ts'

process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as head, is no error.
  if (cause.code === 'EPIPE') process.exit(0)
  process.exit(
    complain(new WalError('WALV_IO', `What was asked for cannot be written: ${cause.message}.`, { cause })),
  )
})

run(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
