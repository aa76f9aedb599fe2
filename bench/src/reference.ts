/**
 * The plain results of works too large to compute them in every process: computed once, kept in the
 * repository's `.cache`.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Inputs, Kind, Work } from './peer.js'
import { plain } from './plain.js'

const folder = fileURLToPath(new URL('../../.cache/bench/', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))

/** Changes with everything that the plain results depend on. */
function versionOf(work: Work): string {
  const hash = createHash('sha256').update(JSON.stringify(work))
  for (const file of readdirSync(here).sort())
    if (/^(plain.*|inputs|erf)\.js$/.test(file)) hash.update(readFileSync(`${here}${file}`))
  return hash.digest('hex').slice(0, 24)
}

/** The results of a work, in f64, one after the other. */
export function referenceOf(work: Work, inputs: Inputs[Kind]): Float64Array {
  const path = `${folder}${work.kind}-${versionOf(work)}.f64`
  try {
    const bytes = readFileSync(path)
    return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  } catch {
    // Not computed yet.
  }
  const result = Float64Array.from(plain(work, inputs as never, 1).flatMap((values) => Array.from(values)))
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${path}.${process.pid}`, result)
  renameSync(`${path}.${process.pid}`, path)
  return result
}
