import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { createDecoder, decoderConfig, decoderLogits } from '../models/index.js'
import { collect, heedName, hookNames, observe, within } from '../observe/index.js'
import { normal, scope, tensor, withDevice } from '../tensor/index.js'
import { createCrossBlock, crossDecoderBlock } from './index.js'
import { referenceDevices } from './testing/reference.js'

// docs/observe.md lists the names that can be observed: exactly those that models have.

const guide = readFileSync(fileURLToPath(new URL('../../../../docs/observe.md', import.meta.url)), 'utf8')
interface Row {
  readonly name: string
  readonly axes: readonly string[]
  readonly hook: string | undefined
}
const rows: readonly Row[] = [
  ...guide.matchAll(/^\| `([^`]+)` \| ([\w ]+) \| [^|]+ \| (?:`([^`]+)`)? *\|$/gm),
].map(([, name, axes, hook]) => ({ name: name!, axes: axes!.split(' '), hook }))

/** Every name that a decoder of some kind has, with its axes. */
function namesOf(given: Readonly<Record<string, unknown>>): Map<string, string[]> {
  const config = decoderConfig({ vocabulary: 11, context: 8, width: 8, layers: 1, heads: 2, ...given })
  const model = createDecoder(config, randomKey(1))
  const ids = tensor([3, 1, 4], { batch: 1, position: 3 }, { dtype: 'i32' })
  const patterns = ['*', '*.*', 'blocks.*.*', 'blocks.*.*.*']
  // Dropout of filters changes them, and nothing else has another name by it.
  const dropout = { rate: 0, filter: 0.1, key: randomKey(2) }
  const { values } = collect(patterns, () => decoderLogits(model, config, ids, { dropout }))
  return new Map(
    [...values].map(([name, { axes }]) => [name.replace(/^blocks\.0/, 'blocks.N'), [...axes].sort()]),
  )
}

const on = <T>(work: () => T): T => withDevice(referenceDevices[0]!, () => scope(work))

describe('names', () => {
  test('the guide lists those that decoders have, with their axes', () =>
    on(() => {
      const kinds = [{ position: 'rotary' }, { position: 'learned', norm: 'layer', gated: false }]
      const found = new Map(kinds.flatMap((kind) => [...namesOf(kind)]))
      expect(rows.length).toBeGreaterThan(20)
      expect(rows.map(({ name }) => name).sort()).toEqual([...found.keys()].sort())
      for (const { name, axes } of rows) expect(found.get(name), name).toEqual([...axes].sort())
    }))

  test("TransformerLens' names in the guide are heed's", () => {
    for (const { name, hook } of rows) {
      if (hook === undefined) continue
      const written = name.startsWith('blocks.N.') ? `blocks.N.${hook}` : hook
      expect(heedName(written)).toBe(name)
    }
    for (const { hook } of hookNames) expect(guide).toContain(`${hook}\``)
  })

  test('a decoder block with a context has those that the guide tells', () =>
    on(() => {
      const block = createCrossBlock(randomKey(1), { width: 8, hidden: 8, heads: 2 })
      const x = normal(randomKey(2), { batch: 1, position: 3, width: 8 })
      const seen: string[] = []
      observe(
        {
          'decoder.0.*': (_, name) => void seen.push(name),
          'decoder.0.*.*': (_, name) => void seen.push(name),
        },
        () => within('decoder.0', () => crossDecoderBlock(block, x, x)),
      )
      const own = rows
        .map(({ name }) => name.replace('blocks.N.', ''))
        .filter(
          (name) => /^(residual|attention|feedForward)/.test(name) && !/rotated|\.up$|\.weights$/.test(name),
        )
      const cross = own
        .filter((name) => name.startsWith('attention'))
        .map((name) => name.replace('attention', 'crossAttention'))
      const expected = [...own, ...cross, 'residualMiddleCross'].map((name) => `decoder.0.${name}`)
      expect(seen.sort()).toEqual(expected.sort())
    }))
})
