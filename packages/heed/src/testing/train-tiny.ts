import {
  adamw,
  collect,
  createDecoder,
  crossEntropy,
  currentDevice,
  type Decoder,
  decoderConfig,
  decoderLogits,
  dispose,
  keep,
  randomKey,
  scope,
  tensor,
  type Tensor,
  valueAndGrad,
} from '../index.js'

/** What `trainTiny` found. */
export interface Trained {
  readonly target: string
  readonly losses: number[]
  /** Of the first head of the first layer, a row for each query. */
  readonly filter: number[][]
}

/**
 * Trains a tiny decoder to count round and round, and looks at its filter: all of the library in a second.
 */
export function trainTiny(): Trained {
  const config = decoderConfig({ vocabulary: 12, context: 16, width: 32, layers: 1, heads: 2 })
  let model = createDecoder(config, randomKey(1))
  const optimizer = adamw()
  let state = optimizer.init(model)
  const row = Array.from({ length: 17 }, (_, i) => (i * 5) % 12)
  const ids = (start: number): Tensor<'batch' | 'position'> =>
    tensor(row.slice(start, start + 16), { batch: 1, position: 16 }, { dtype: 'i32' })
  const losses: number[] = []
  const step = valueAndGrad((m: Decoder) =>
    crossEntropy(decoderLogits(m, config, ids(0)), ids(1), 'vocabulary'),
  )
  for (let i = 0; i < 30; i++) {
    scope(() => {
      const { value, gradient } = step(model)
      losses.push(value.item())
      const updated = optimizer.update(model, gradient, state, { rate: 0.01, free: true })
      model = keep(updated.model)
      state = keep(updated.state)
    })
  }
  const filter = scope(() => {
    const name = 'blocks.0.attention.filter'
    const { values } = collect([name], () => decoderLogits(model, config, ids(0)))
    const numbers = values.get(name)!.at('batch', 0).at('head', 0).values(['query', 'key'])
    return Array.from({ length: 16 }, (_, query) => [...numbers.subarray(query * 16, query * 16 + 16)])
  })
  dispose([model, state])
  return { target: currentDevice().name, losses, filter }
}
