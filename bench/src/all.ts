/** Every bench, one after another. */
import { fileURLToPath } from 'node:url'
import { attention } from './attention.js'
import { decode } from './decode.js'
import { dispatch } from './dispatch.js'
import { encoder } from './encoder.js'
import { layer } from './layer.js'
import { matmul } from './matmul.js'
import { report } from './report.js'
import { rows } from './rows.js'
import { start } from './start.js'
import { steps } from './steps.js'
import { train } from './train.js'

await report(
  async (options) => {
    const results = []
    for (const bench of [matmul, attention, layer, encoder, train, decode, start, dispatch, rows, steps])
      results.push(...(await bench(options)))
    return results
  },
  fileURLToPath(new URL('../results.svg', import.meta.url)),
)
process.exit()
