import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readJson } from '../../base/index.js'
import type { JsonValue } from '../../base/index.js'

/** A component's definition as a file has it. */
export function jsonOf(definition: unknown): JsonValue {
  return readJson(JSON.stringify(definition), { operation: 'test' })
}

/** What the package made of single components: the fixture in the repository. */
export function componentFixture(name: 'pre-tokenizers' | 'decoders'): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'))
}

/** The same of the reference; undefined where HEED_SHARED names no folder that has it. */
export function componentReference(name: 'pre-tokenizers' | 'decoders'): unknown {
  const shared = process.env['HEED_SHARED']
  const path = join(shared ?? '', 'reference', 'tokenizers', 'components', `${name}.json.gz`)
  return shared === undefined || !existsSync(path)
    ? undefined
    : JSON.parse(gunzipSync(readFileSync(path)).toString())
}
