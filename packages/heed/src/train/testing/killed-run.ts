import { createHash } from 'node:crypto'
import { Trainer } from '../index.js'
import { fragileFiles, type Moment } from './fragile-files.js'
import { bitsOfTree, smallRun } from './small-run.js'

/**
 * A training run as a process of its own, which may be killed: `node killed-run.mjs FOLDER STEPS AT MOMENT`.
 * It resumes where it can, kills itself at disk operation AT (−1: never), and at the end prints { hash,
 * operations } as JSON.
 */
const [folder, steps, at, moment] = process.argv.slice(2) as [string, string, string, Moment]

const files = fragileFiles(Number(at), moment, () => {
  process.kill(process.pid, 'SIGKILL')
  // The signal comes at once; nothing after it may run.
  for (;;);
})
const trainer = new Trainer({
  ...smallRun(Number(steps)),
  checkpoint: { folder, everySteps: 2, fileLayer: files, best: true, files: () => ({ 'config.json': '{}' }) },
})
await trainer.resume()
process.stdout.write('ready\n')
await trainer.run()
const hash = createHash('sha256')
  .update(bitsOfTree([trainer.model, trainer.optimizerState]))
  .digest('hex')
process.stdout.write(`${JSON.stringify({ hash, operations: files.operations })}\n`)
