/** A small language model of characters, trained with one kind of attention. */
import {
  adamw,
  type Block,
  cosineSchedule,
  createBlock,
  createEmbedding,
  createNorm,
  crossEntropy,
  decoderBlock,
  defaultDevice,
  type Embedding,
  embed,
  evaluationBatches,
  full,
  leavesOf,
  isTensor,
  map,
  mean,
  matricesDecay,
  norm,
  type Norm,
  randomKey,
  rotaryTable,
  type RotaryTable,
  scope,
  type Tensor,
  type TokenBatch,
  tokenBatches,
  Trainer,
  unembed,
} from 'heed'
import { attentionOf, type Settings, type VariantName } from './variants.js'

/** The text as numbers of its characters: what is learned from, and what is held out. */
export interface Characters {
  readonly train: Uint16Array
  readonly held: Uint16Array
  readonly vocabulary: number
}

export function charactersOf(text: string): Characters {
  const all = [...new Set(text)].toSorted()
  const numbers = new Map(all.map((character, i) => [character, i]))
  const ids = Uint16Array.from(text, (character) => numbers.get(character)!)
  const cut = Math.floor(ids.length * 0.9)
  return { train: ids.subarray(0, cut), held: ids.subarray(cut), vocabulary: all.length }
}

interface Model {
  readonly embedding: Embedding
  readonly blocks: readonly Block[]
  readonly norm: Norm
  /** Of each layer and head, as a share of the context, where they are learned. */
  readonly spans?: readonly Tensor<'head'>[]
}

/** What one training gave. */
export interface Trained {
  readonly variant: VariantName
  readonly seed: number
  readonly parameters: number
  /** Of characters held out, in nats. */
  readonly loss: number
  /** The median of a step. */
  readonly milliseconds: number
  /** The most that tensors held during a step, weights and the optimizer's state included. */
  readonly bytes: number
  /** Positions that each head sees before its ramp begins, layer by layer, where heads learn them. */
  readonly spans?: readonly (readonly number[])[]
  /** Held-out loss along the way. */
  readonly along: readonly { readonly step: number; readonly loss: number }[]
}

function createModel(settings: Settings, vocabulary: number, variant: VariantName, seed: number): Model {
  const { width, layers, heads, context, span } = settings
  const numbers = Array.from({ length: layers }, (_, layer) => layer)
  return {
    embedding: createEmbedding(randomKey(seed, 'embedding'), { vocabulary, width }),
    blocks: numbers.map((layer) =>
      createBlock(randomKey(seed, 'block', layer), { width, heads, hidden: 4 * width }),
    ),
    norm: createNorm({ width }),
    ...(variant === 'adaptive span' && {
      spans: numbers.map(() => full({ head: heads }, span / context)),
    }),
  }
}

/** Spans in positions: never below 0. */
function positions(share: Tensor<'head'>, context: number): Tensor<'head'> {
  return map((v) => v.max(0).mul(context), share) as Tensor<'head'>
}

function logits(
  model: Model,
  settings: Settings,
  variant: VariantName,
  rotary: RotaryTable,
  ids: Tensor<'batch' | 'position'>,
): Tensor<'batch' | 'position' | 'vocabulary'> {
  let x = embed(model.embedding, ids)
  model.blocks.forEach((block, layer) => {
    const share = model.spans?.[layer]
    const own = attentionOf(variant, settings, share && positions(share, settings.context))
    x = decoderBlock(block, x, { attention: { ...own, rotary } })
  })
  return unembed(model.embedding, norm(model.norm, x, 'width'))
}

/** Trains a model; weights and batches follow from the seed. */
export async function train(
  variant: VariantName,
  settings: Settings,
  { train, held, vocabulary }: Characters,
  seed: number,
  onStep?: (step: number) => void,
): Promise<Trained> {
  const { width, heads, context, batch, steps, rate, spanCost } = settings
  const rotary = rotaryTable(context, { width: width / heads })
  const device = defaultDevice()
  const milliseconds: number[] = []
  const along: { step: number; loss: number }[] = []
  let last = performance.now()
  const trainer = new Trainer({
    model: createModel(settings, vocabulary, variant, seed),
    loss: (model: Model, { inputs, targets }: TokenBatch, { training }) => {
      const found = crossEntropy(logits(model, settings, variant, rotary, inputs), targets, 'vocabulary')
      if (!training || model.spans === undefined) return found
      const cost = model.spans
        .map((share) => mean(positions(share, context), 'head') as Tensor<never>)
        .reduce((a, b) => a.add(b))
      return found.add(cost.mul(spanCost / model.spans.length)) as Tensor<never>
    },
    optimizer: adamw({ decay: 0.1, decayed: matricesDecay }),
    schedule: cosineSchedule({ peak: rate, warmUp: Math.ceil(steps / 20), total: steps }),
    data: tokenBatches(train, { batch, context, seed }),
    evaluation: {
      data: evaluationBatches(held, { batch, context, batches: 8 }),
      every: Math.max(1, Math.ceil(steps / 5)),
    },
    steps,
    seed,
    clip: 1,
    hooks: {
      onStep({ step }) {
        const now = performance.now()
        milliseconds.push(now - last)
        last = now
        onStep?.(step)
      },
      onEvaluation({ step, loss }) {
        along.push({ step, loss })
        last = performance.now()
      },
    },
  })
  device.heap.resetPeak()
  try {
    await trainer.run()
    const { model } = trainer
    const parameters = [...leavesOf<Tensor>(model, isTensor).values()].reduce((n, t) => n + t.elements, 0)
    const spans = model.spans?.map((share) => scope(() => [...positions(share, context).values()]))
    return {
      variant,
      seed,
      parameters,
      loss: along.at(-1)!.loss,
      milliseconds: milliseconds.toSorted((a, b) => a - b)[Math.floor(milliseconds.length / 2)]!,
      bytes: device.heap.use().peak,
      along,
      ...(spans && { spans }),
    }
  } finally {
    trainer.dispose()
  }
}
