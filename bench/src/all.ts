/** Every bench, one after another. */
import { attention } from './attention.js'
import { dispatch } from './dispatch.js'
import { layer } from './layer.js'
import { matmul } from './matmul.js'
import { report } from './report.js'
import { rows } from './rows.js'
import { steps } from './steps.js'
import { train } from './train.js'

await report(async (options) => {
  const results = []
  for (const bench of [matmul, attention, layer, train, dispatch, rows, steps])
    results.push(...(await bench(options)))
  return results
})
process.exit()
