import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FormatError, mapTree, randomKey } from '../../base/index.js'
import { isLowRank } from '../../nn/index.js'
import { isModelWeight, type ModelWeight } from '../../checkpoint/index.js'
import { normal, scope, type Tensor, tensor } from '../../tensor/index.js'
import {
  beginWithAdapter,
  changedModel,
  encoderOutput,
  encoderStates,
  loadEncoder,
  type LoadedEncoder,
  loadModel,
  type Running,
  saveAdapter,
  withLowRank,
} from '../index.js'
import { foldersOr, largestDifference, referenceModels } from '../testing/reference.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-adapter-head-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function logitsOf({ model, config }: Pick<Running<LoadedEncoder>, 'model' | 'config'>): Float32Array {
  return scope(() => {
    const ids = tensor([1, 5, 9, 4, 2, 7], { batch: 1, position: 6 }, { dtype: 'i32' })
    const made = encoderOutput(model, config, ids)
    const parts: readonly Tensor[] =
      made.kind === 'answer' ? [made.start as Tensor, made.end as Tensor] : [made.logits as Tensor]
    return Float32Array.from(parts.flatMap((part) => [...part.values()]))
  })
}

describe.skipIf(referenceModels === undefined).each(foldersOr(['bert', 'electra']))('%s', (name) => {
  const path = join(referenceModels ?? '', name)
  test.each([
    { name: 'SequenceClassification', labels: ['no', 'perhaps', 'yes'] },
    { name: 'QuestionAnswering' },
  ])('an adapter says which head it was trained with: $name', async (head) => {
    const loaded = await loadEncoder(path, { head })
    const begun = withLowRank(loaded, {
      targets: ['blocks'],
      trained: 'pooler' in loaded.model ? ['head', 'pooler'] : ['head'],
    })
    const model = mapTree<typeof begun.model, ModelWeight>(begun.model, isModelWeight, (weight) =>
      isLowRank(weight) ? { ...weight, up: normal(randomKey(1), weight.up.shape) as Tensor } : weight,
    )
    const adapted = changedModel(begun, { model, adapter: begun.adapter }) as typeof begun
    const saved = join(folder, `${name}-${head.name}`)
    await saveAdapter(saved, adapted)
    const back = await loadEncoder(path, { adapter: saved })
    expect(largestDifference(logitsOf(back), logitsOf(adapted))).toBeLessThan(1e-6)
    expect(back.stored.config.plain()).toEqual(loaded.stored.config.plain())
    expect(largestDifference(logitsOf(loaded), logitsOf(adapted))).toBeGreaterThan(1e-3)
    expect(existsSync(join(saved, 'config.json'))).toBe(true)
    const alone = (await loadModel(saved, { weights: 'f32' })) as Running<LoadedEncoder>
    expect(largestDifference(logitsOf(alone), logitsOf(adapted))).toBeLessThan(1e-6)
    // Another head may begin with the same changes.
    const other = await loadEncoder(path, { head: { name: 'TokenClassification', labels: ['a', 'b'] } })
    const fresh = withLowRank(other, { targets: ['blocks'] })
    const further = beginWithAdapter(other, fresh, saved)
    const states = (of: Pick<Running<LoadedEncoder>, 'model'>): Float32Array =>
      scope(() => {
        const ids = tensor([1, 5, 9], { batch: 1, position: 3 }, { dtype: 'i32' })
        return Float32Array.from(encoderStates(of.model, loaded.config, ids).values())
      })
    expect(largestDifference(states(further), states(adapted))).toBeLessThan(1e-6)
    expect(largestDifference(states(other), states(adapted))).toBeGreaterThan(1e-3)
    expect(() =>
      beginWithAdapter(other, withLowRank(other, { targets: ['blocks'], rank: 3 }), saved),
    ).toThrow('rank 3')
    const config = join(saved, 'adapter_config.json')
    const said = JSON.parse(readFileSync(config, 'utf8')) as object
    writeFileSync(config, JSON.stringify({ ...said, base_model_name_or_path: 'somebody/elsewhere' }))
    await expect(loadModel(saved)).rejects.toThrow(/base_model_name_or_path.*found nothing at .*elsewhere/)
    writeFileSync(join(saved, 'config.json'), '{ "architectures": 3 }')
    await expect(loadEncoder(path, { adapter: saved })).rejects.toThrow(FormatError)
  })
})
