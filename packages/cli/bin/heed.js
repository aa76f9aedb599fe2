#!/usr/bin/env node
import { failureText, run } from '../dist/index.js'

// `heed … | head` closes our output early: that is no failure.
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`heed: expected to write the result, found ${error.message}\n`)
  process.exit(1)
})
// Nobody listens to progress and remarks any longer: what is done goes on.
process.stderr.on('error', () => {})

// What nothing caught is said like any other error: Node would send its text to the terminal as it is.
process.on('uncaughtException', (error) => {
  process.stderr.write(failureText(error))
  process.exit(1)
})

process.exitCode = await run(process.argv.slice(2))
