import { type PartOf, leavesOf, mapTree, randomKey, readJson } from '../../base/index.js'
import {
  type Binding,
  BindingTable,
  CheckpointConfig,
  describing,
  type DescribedTensor,
  isModelWeight,
  isWanted,
  type ModelLeaf,
  type ModelWeight,
  shapeOfWeight,
} from '../../checkpoint/index.js'
import {
  architectures,
  type Encoder,
  type EncoderDesign,
  encoderOutput,
  mergeLowRank,
  trainableOf,
  withLowRank,
} from '../../models/index.js'
import { isLowRank, type Quantized } from '../../nn/index.js'
import { type AnyTensor, crossEntropy, mean, tensor, type Tensor } from '../../tensor/index.js'
import { constantSchedule } from '../index.js'
import type { CaseTensors, ReferenceModel } from './reference-models.js'

type Ids = Tensor<'batch' | 'position'>
type Model = Quantized<Encoder>
interface Batch {
  readonly ids: Ids
  readonly types: Ids
  readonly real: Ids
  readonly labels: Tensor<'batch'>
}

/**
 * `bert-lora`: a frozen BERT, changes of low rank on query and value, and a classifier that is trained whole.
 */
export function lowRankCase(given: CaseTensors): ReferenceModel<PartOf<Model, ModelLeaf>, Batch> {
  const { labels: label, rank: _, alpha: __, ...sizes } = given.reference.config
  const json = { ...sizes, architectures: ['BertForSequenceClassification'], num_labels: label }
  const config = readJson(JSON.stringify(json), { operation: 'bert-lora', hint: '', length: 2 ** 16 })
  const architecture = architectures().find(({ name }) => name === 'bert')!
  const design = architecture.design(new CheckpointConfig(config)) as EncoderDesign
  const table = new BindingTable(architecture.bindings(design))
  const fileOf = (path: string): string => table.at(path)!.file
  const moduleOf = (path: string): string => fileOf(path).replace(/\.weight$/, '')
  const weightOf = (path: string, shape: Readonly<Record<string, number>>): Tensor => {
    const { axes, file } = table.at(path) as Binding
    const names = axes.flatMap((one) => one.split(' '))
    return given.weight(
      file,
      Object.fromEntries(names.map((one) => [one, shape[one]!])),
    ) as AnyTensor as Tensor
  }
  const like = architecture.create(design, randomKey(0), { initializer: describing })
  const model = mapTree<unknown, unknown>(like, isWanted, (leaf, path) =>
    weightOf(path, (leaf as DescribedTensor).shape),
  ) as Encoder
  const fresh = withLowRank(
    { architecture, config: design, model },
    {
      targets: ['blocks.*.attention.query', 'blocks.*.attention.value'],
      rank: given.number('rank'),
      alpha: given.number('alpha'),
      trained: ['head'],
    },
  )
  const adapted = mapTree<Model, ModelWeight>(fresh.model, isModelWeight, (weight, path) => {
    if (fresh.adapter.trained.includes(path)) return weightOf(path, shapeOfWeight(weight))
    if (!isLowRank(weight)) return weight
    const { rank, width } = weight.down.shape as Record<string, number>
    const { head, headWidth } = weight.up.shape as Record<string, number>
    return {
      ...weight,
      down: given.weight(`${moduleOf(path)}.lora_A`, { rank: rank!, width: width! }) as AnyTensor as Tensor,
      up: given.weight(`${moduleOf(path)}.lora_B`, {
        head: head!,
        headWidth: headWidth!,
        rank: rank!,
      }) as AnyTensor as Tensor,
    }
  })
  const { part, whole } = trainableOf({ model: adapted, adapter: fresh.adapter })
  const classify = (
    own: typeof part,
    { ids, types, real }: Omit<Batch, 'labels'>,
  ): Tensor<'batch' | 'label'> => {
    const output = encoderOutput(whole(own), design, ids, { tokenTypes: types, real })
    if (output.kind !== 'classification') throw new Error(output.kind)
    return output.logits
  }
  const labels = (step: number): Tensor<'batch'> => {
    const { shape, values } = given.get('labels')
    const batch = shape[1]!
    return tensor(values.subarray(step * batch, (step + 1) * batch), { batch }, { dtype: 'i32' })
  }
  const batch = (step: number): Batch => ({
    ids: given.ids('ids', step),
    types: given.ids('types', step),
    real: given.ids('padding', step),
    labels: labels(step),
  })
  const axes = ['batch', 'label']
  return {
    model: part,
    schedule: constantSchedule({ peak: Number(given.reference.optimizer.lr) }),
    batch,
    loss: (own, one) => mean(crossEntropy(classify(own, one), one.labels, 'label', { reduction: 'none' })),
    before: (own) => [{ name: 'first_logits', tensor: classify(own, batch(0)), axes }],
    after: (own) => {
      const merged = mergeLowRank({ ...fresh, model: whole(own) })
      const changed = [...leavesOf<ModelWeight>(adapted, isModelWeight)].filter(([, one]) => isLowRank(one))
      const weights = leavesOf<ModelWeight>(merged.model, isModelWeight)
      return [
        { name: 'final_logits', tensor: classify(own, batch(0)), axes },
        ...changed.map(([path]) => ({
          name: `merged.${fileOf(path)}`,
          tensor: weights.get(path) as Tensor,
          axes: ['head', 'headWidth', 'width'],
        })),
      ]
    },
  }
}
