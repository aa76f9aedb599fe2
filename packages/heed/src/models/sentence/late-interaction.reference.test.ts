import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors, type StoredTensor } from '../../formats/index.js'

import { largestDifference, referenceModels } from '../testing/reference.js'
import { maxSim, readLateInteraction } from './index.js'

interface Recorded {
  readonly tokens: number
  readonly vectors: readonly number[]
}

interface Layout {
  readonly name: string
  readonly seed: number
  readonly projection: string
  readonly files: Readonly<Record<string, unknown>>
  readonly queries: readonly Recorded[]
  readonly documents: readonly Recorded[]
  readonly scores: readonly (readonly number[])[]
}

/** What `late-interaction.py` wrote. */
const recorded = JSON.parse(
  readFileSync(new URL('fixtures/late-interaction.json', import.meta.url), 'utf8'),
) as {
  readonly queries: readonly string[]
  readonly documents: readonly string[]
  readonly width: number
  readonly made: number
  readonly cases: readonly Layout[]
}
const base = referenceModels && join(referenceModels, 'sentence-transformers-dense')
const note = base === undefined ? ' (HEED_SHARED names no folder with reference/models)' : ''

function projection(seed: number): StoredTensor {
  const { width, made } = recorded
  const values = Float32Array.from({ length: made * width }, (_, i) => Math.sin(seed + 0.37 * i) / 6)
  return { dtype: 'f32', shape: [made, width], data: values }
}

/** Runs `use` with the folder that the reference was computed with. */
function withLayout<T>({ seed, projection: at, files }: Layout, use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'heed-late-'))
  try {
    for (const name of [
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'sentence_bert_config.json',
      'model.safetensors',
    ])
      cpSync(join(base!, name), join(folder, name))
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      rmSync(join(folder, name), { force: true })
      writeFileSync(join(folder, name), JSON.stringify(content))
    }
    const weight = projection(seed)
    const file = join(folder, at, 'model.safetensors')
    if (at === '') {
      const { tensors } = readSafetensors(new Uint8Array(readFileSync(file)))
      const all = new Map<string, StoredTensor>(
        [...tensors].map(([name, stored]) => [`bert.${name}`, stored as unknown as StoredTensor]),
      )
      rmSync(file)
      writeFileSync(file, writeSafetensors(all.set('linear.weight', weight)))
    } else writeFileSync(file, writeSafetensors(new Map([['linear.weight', weight]])))
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe.skipIf(base === undefined)(`late interaction as sentence-transformers has it${note}`, () => {
  test.each(recorded.cases)('$name', (layout) =>
    withLayout(layout, (folder) => {
      const model = readLateInteraction(folder)
      const queries = model.encodeQueries(recorded.queries)
      const documents = model.encodeDocuments(recorded.documents, { batchTokens: 50 })
      for (const [found, expected] of [
        [queries, layout.queries],
        [documents, layout.documents],
      ] as const) {
        expect(found.map(({ ids }) => ids.length).join()).toBe(expected.map(({ tokens }) => tokens).join())
        found.forEach(({ vectors }, i) =>
          expect(largestDifference(vectors, Float32Array.from(expected[i]!.vectors))).toBeLessThan(1e-4),
        )
      }
      const scores = queries.flatMap((query) => documents.map((document) => maxSim(query, document).score))
      expect(largestDifference(scores, Float32Array.from(layout.scores.flat()))).toBeLessThan(1e-4)
    }),
  )
})
