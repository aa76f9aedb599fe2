/** What one small operation costs, and how long an import takes. */
import { timeImports, timeWorks, type Result } from './measure.js'
import type { Options } from './options.js'
import { isMain, report } from './report.js'

export async function dispatch(options: Options): Promise<Result[]> {
  const microseconds = { unit: 'µs', higherIsBetter: false, figure: (seconds: number) => seconds * 1e6 }
  return [
    ...(await timeWorks([{ kind: 'add', size: 16 }], { ...microseconds, bound: 'none' }, options)),
    await timeImports(options),
  ]
}

if (isMain(import.meta.url)) await report(dispatch)
