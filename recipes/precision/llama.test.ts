import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lastLogits, readSafetensors } from 'heed'
import { readLlama } from './llama.js'

const folder = join(process.env['HEED_SHARED'] ?? '', 'reference/real/stories260k')

test.skipIf(!existsSync(folder))(
  'stories260K gives the logits of transformers (set HEED_SHARED to run)',
  () => {
    const { config, model } = readLlama(folder)
    const { ids, tolerance } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as {
      ids: number[]
      tolerance: { logits: number }
    }
    const { tensors } = readSafetensors(readFileSync(join(folder, 'expected.safetensors')))
    const counts = [...tensors.keys()].flatMap((name) => /^logits_after_(\d+)_tokens$/.exec(name)?.[1] ?? [])
    expect(counts.length).toBeGreaterThan(0)
    for (const count of counts) {
      const expected = tensors.get(`logits_after_${count}_tokens`)!.toFloat32()
      const found = lastLogits(model, config, ids.slice(0, Number(count)))
      const off = expected.map((value, i) => Math.abs(value - found[i]!))
      expect(Math.max(...off)).toBeLessThan(tolerance.logits)
    }
  },
)
