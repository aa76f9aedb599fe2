import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { leavesOf } from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { architectures, convertCheckpoint, readModel } from './index.js'
import { foldersOr, referenceModels } from './testing/reference.js'

const types = architectures()
  .filter(({ gguf }) => gguf !== undefined)
  .flatMap(({ modelTypes }) => modelTypes)

describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
  test('through GGUF and back: the same weights', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heed-convert-'))
    try {
      const original = readModel(join(referenceModels!, name))
      const gguf = join(folder, 'model.gguf')
      const names: string[] = []
      if (
        /^Bert.*(QuestionAnswering|TokenClassification)/.test(
          original.stored.config.member('architectures').items()[0]!.string(),
        )
      ) {
        // llama.cpp has no form for these.
        await expect(convertCheckpoint(original.stored.path, gguf)).rejects.toThrow(/a head that classifies/)
        expect(existsSync(gguf)).toBe(false)
        return
      }
      await convertCheckpoint(original.stored.path, gguf, {
        type: 'f32',
        onTensor: (_, __, tensor) => names.push(tensor),
      })
      expect(names.length).toBeGreaterThan(10)
      await convertCheckpoint(gguf, join(folder, 'hub'))
      expect(existsSync(join(folder, 'hub', 'config.json'))).toBe(true)
      for (const path of [gguf, join(folder, 'hub')]) {
        const again = readModel(path)
        expect(again.architecture).toBe(original.architecture)
        const [one, other] = [original.model, again.model].map((model) => leavesOf<Tensor>(model, isTensor))
        // A head that GGUF has no place for stays behind.
        const wrong = [...other!].filter(([at, leaf]) => differs(one!.get(at), leaf)).map(([at]) => at)
        expect(wrong, path).toEqual([])
        expect([...one!.keys()].filter((at) => !other!.has(at) && !/^(head|pooler)\b/.test(at))).toEqual([])
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** Whether numbers differ by more than a rounding: GGUF keeps some norms as 1 + weight. */
function differs(one: Tensor | undefined, other: Tensor): boolean {
  if (one === undefined) return true
  const values = one.values(other.axes)
  const others = other.values(other.axes)
  return values.some((value, i) => Math.abs(value - others[i]!) > 2e-7 * Math.max(1, Math.abs(value)))
}
