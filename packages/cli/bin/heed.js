#!/usr/bin/env node
import { run } from '../dist/index.js'

// `heed … | head` closes our output early: that is no failure.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await run(process.argv.slice(2))
