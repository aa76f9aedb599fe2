import { type RecurrentTranslator, translationLogits, translationLoss } from '../../models/index.js'
import type { Recurrent } from '../../nn/index.js'
import type { Tensor } from '../../tensor/index.js'
import { constantSchedule } from '../index.js'
import type { CaseTensors, ReferenceModel } from './reference-models.js'

type Ids = Tensor<'batch' | 'position'>

/** `lstm-fixed-vector` and `lstm-bahdanau`: the recurrent encoder-decoder without and with attention. */
export function recurrentCase(
  given: CaseTensors,
): ReferenceModel<RecurrentTranslator, { source: Ids; inputs: Ids; targets: Ids }> {
  const [units, pad] = [given.number('units'), given.number('pad')]
  const alignment = given.reference.config['attention_width'] as number | null
  const sized =
    <A extends string>(axis: A) =>
    (size: number) =>
      ({ [axis]: size }) as Record<A, number>
  const recurrent = (name: string): Recurrent => {
    const gates = (): { gate: number; unit: number } => ({ gate: 4, unit: units })
    return {
      input: given.linear(`${name}.input`, sized('width'), gates),
      hidden: given.linear(`${name}.hidden`, sized('state'), gates),
    }
  }
  const model: RecurrentTranslator = {
    embedding: { weight: given.table('embedding', 'vocabulary') },
    encoder: recurrent('encoder'),
    decoder: recurrent('decoder'),
    ...(alignment !== null && {
      attention: {
        query: given.linear('attention.query', sized('state'), sized('alignment')),
        key: given.linear('attention.key', sized('width'), sized('alignment')),
        bias: given.weight('attention.bias', { alignment }),
        score: given.weight('attention.score', { alignment }),
      },
    }),
    output: given.linear('output', sized('feature'), sized('vocabulary')),
  }
  const longest = given.get('target').shape[2]!
  const batch = (step: number): { source: Ids; inputs: Ids; targets: Ids } => ({
    source: given.ids('source', step),
    inputs: given.ids('target', step, { end: longest - 1 }),
    targets: given.ids('target', step, { start: 1 }),
  })
  return {
    model,
    schedule: constantSchedule({ peak: Number(given.reference.optimizer.lr) }),
    batch,
    loss: (weights, { source, ...target }) => translationLoss(weights, source, target, { pad }),
    before: (weights) => {
      const { source, inputs } = batch(0)
      const { logits, filter } = translationLogits(weights, source, inputs, { pad })
      return [
        { name: 'first_logits', tensor: logits, axes: ['batch', 'position', 'vocabulary'] },
        ...(filter === undefined
          ? []
          : [{ name: 'first_filter', tensor: filter, axes: ['batch', 'position', 'key'] }]),
      ]
    },
  }
}
