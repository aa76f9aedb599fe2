import { describe, expect, test } from 'vitest'
import { collect, within } from '../observe/index.js'
import { type AnyTensor, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import {
  addPositions,
  type AttentionParameters,
  type Block,
  type BlockOptions,
  type CrossBlock,
  crossDecoderBlock,
  decoderBlock,
  embed,
  type Embedding,
  encoderBlock,
  type FeedForward,
  linear,
  type Linear,
  norm,
  type Norm,
  padding,
  rotaryTable,
  type Sequence,
  sinusoidalTable,
  unembed,
} from './index.js'
import {
  constant,
  deviceTitle,
  expectClose,
  readReference,
  referenceCases,
  type ReferenceCase,
  type ReferenceNumbers,
  referenceDevices,
} from './testing/reference.js'

// Whole models put together from blocks: what they say before training, against the numbers of another
// implementation.

const cases = new Map(referenceCases('training').map((reference) => [reference.name, reference]))

interface Sizes {
  readonly layers: number
  readonly heads: number
  readonly kv_heads?: number
  readonly width: number
  readonly epsilon?: number
  readonly context: number
  readonly pad: number
}

/** The parameters of a case, by the names that they have there. */
class Weights {
  readonly #numbers: ReferenceNumbers
  readonly #sizes: Sizes

  constructor(numbers: ReferenceNumbers, sizes: Sizes) {
    this.#numbers = numbers
    this.#sizes = sizes
  }
  tensor<A extends string>(name: string, ...axes: A[]): Tensor<A> {
    return this.#numbers.tensor(`initial.${name}`, axes)
  }
  #bias<A extends string>(name: string, axis: A): { bias?: Tensor<A> } {
    return this.#numbers.names.includes(`initial.${name}.bias`)
      ? { bias: this.tensor(`${name}.bias`, axis) }
      : {}
  }
  norm(name: string): Norm {
    return { weight: this.tensor(`${name}.weight`, 'width'), ...this.#bias(name, 'width') }
  }
  embedding(name: string): Embedding {
    return { weight: this.tensor(name, 'vocabulary', 'width') }
  }
  linear<I extends string, O extends string>(name: string, from: I, to: O): Linear<I, O> {
    return { weight: this.tensor<I | O>(`${name}.weight`, to, from), ...this.#bias(name, to) }
  }
  attention(name: string, output: string): AttentionParameters {
    const { heads, kv_heads = heads } = this.#sizes
    const project = (role: string, head: number): Linear<'width', 'head' | 'headWidth'> => {
      const { weight, bias } = this.linear(`${name}.${role}`, 'width', 'out')
      const headWidth = weight.size('out') / head
      return {
        weight: weight.split('out', { head, headWidth }),
        ...(bias && { bias: bias.split('out', { head, headWidth }) }),
      }
    }
    const { weight, ...bias } = this.linear(output, 'in', 'width')
    return {
      query: project('query', heads),
      key: project('key', kv_heads),
      value: project('value', kv_heads),
      output: {
        weight: weight.split('in', { head: heads, headWidth: weight.size('in') / heads }),
        ...bias,
      },
    }
  }
  feedForward(name: string, up = 'up', down = 'down'): FeedForward {
    const gated = this.#numbers.names.includes(`initial.${name}.gate.weight`)
    return {
      up: this.linear(`${name}.${up}`, 'width', 'hidden'),
      ...(gated && { gate: this.linear(`${name}.gate`, 'width', 'hidden') }),
      down: this.linear(`${name}.${down}`, 'hidden', 'width'),
    }
  }
  decoderBlocks(): Block[] {
    return Array.from({ length: this.#sizes.layers }, (_, i) => ({
      attentionNorm: this.norm(`block${i}.attention_norm`),
      attention: this.attention(`block${i}`, `block${i}.attention_output`),
      feedForwardNorm: this.norm(`block${i}.feed_forward_norm`),
      feedForward: this.feedForward(`block${i}`),
    }))
  }
  encoderBlock(name: string): Block {
    return {
      attentionNorm: this.norm(`${name}.norm1`),
      attention: this.attention(`${name}.self`, `${name}.self.output`),
      feedForwardNorm: this.norm(`${name}.norm2`),
      feedForward: this.feedForward(name),
    }
  }
  bertBlock(name: string): Block {
    return {
      attentionNorm: this.norm(`${name}.attention.output.LayerNorm`),
      attention: this.attention(`${name}.attention.self`, `${name}.attention.output.dense`),
      feedForwardNorm: this.norm(`${name}.output.LayerNorm`),
      feedForward: this.feedForward(name, 'intermediate.dense', 'output.dense'),
    }
  }
  crossBlock(name: string): CrossBlock {
    return {
      ...this.encoderBlock(name),
      crossAttentionNorm: this.norm(`${name}.norm2`),
      crossAttention: this.attention(`${name}.cross`, `${name}.cross.output`),
      feedForwardNorm: this.norm(`${name}.norm3`),
    }
  }
}

/** The first sequences of the first step, without their last or first token. */
function tokens(
  numbers: ReferenceNumbers,
  name: string,
  batch: number,
  start = 0,
  end = numbers.shape(name)[2]!,
): Tensor<'batch' | 'position'> {
  const all = numbers.tensor(name, ['step', 'batch', 'position'])
  const first = all.at('step', 0).slice('batch', 0, batch).slice('position', start, end)
  const values = first.values(['batch', 'position'])
  return tensor(values, { batch, position: end - start }, { dtype: 'i32' })
}

function decode(
  x: Sequence,
  blocks: readonly Block[],
  finalNorm: Norm,
  output: Embedding,
  options: BlockOptions,
): Tensor<'batch' | 'position' | 'vocabulary'> {
  let y = x
  blocks.forEach((block, i) => {
    y = within(`blocks.${i}`, () => decoderBlock(block, y, options))
  })
  return unembed(output, norm(finalNorm, y, 'width', options.norm)) as Tensor<
    'batch' | 'position' | 'vocabulary'
  >
}

describe
  .skipIf(cases.size === 0)
  .each(referenceDevices.map((device) => ({ device, title: deviceTitle(device) })))(
  'on $title, models before training equal PyTorch (set HEED_SHARED to run)',
  ({ device }) => {
    const expectTensor = (
      reference: ReferenceCase,
      numbers: ReferenceNumbers,
      name: string,
      found: AnyTensor,
      axes: readonly string[],
    ): void => {
      const expected = numbers.values(name)
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const tolerance = device.floatBytes === 8 ? 2e-7 * largest : reference.tolerance[name]!
      expectClose(`${reference.name}: ${name}`, (found as Tensor).values(axes), expected, tolerance)
    }
    const model = (
      name: string,
      run: (weights: Weights, numbers: ReferenceNumbers, sizes: Sizes, reference: ReferenceCase) => void,
    ): void =>
      withDevice(device, () =>
        scope(() => {
          const reference = cases.get(name)!
          const numbers = readReference('training', reference)
          const config = constant<Sizes & { num_attention_heads?: number }>(reference, 'config')
          const sizes: Sizes = { ...config, heads: config.heads ?? config.num_attention_heads }
          run(new Weights(numbers, sizes), numbers, sizes, reference)
        }),
      )
    const logitAxes = ['batch', 'position', 'vocabulary']

    test("GPT-2's shape: logits, each block's output and filter", () =>
      model('gpt', (weights, numbers, sizes, reference) => {
        const ids = tokens(numbers, 'tokens', 2, 0, sizes.context)
        const embedding = weights.embedding('token_embedding')
        const positions = weights.tensor('position_embedding', 'position', 'width')
        const x = addPositions(embed(embedding, ids), positions)
        const run = (): AnyTensor =>
          decode(x, weights.decoderBlocks(), weights.norm('final_norm'), embedding, {
            activation: 'gelu-tanh',
          })
        expectTensor(reference, numbers, 'first_logits', run(), logitAxes)
        const names = ['blocks.*.hook_resid_post', 'blocks.*.attn.hook_pattern']
        const { result, values } = collect(names, run)
        expectTensor(reference, numbers, 'first_logits', result, logitAxes)
        expect(values.size).toBe(2 * sizes.layers)
        for (let i = 0; i < sizes.layers; i++) {
          const output = values.get(`blocks.${i}.residualAfter`)!
          const filter = values.get(`blocks.${i}.attention.filter`)!
          expectTensor(reference, numbers, `first_block${i}.output`, output, ['batch', 'position', 'width'])
          expectTensor(reference, numbers, `first_block${i}.filter`, filter, [
            'batch',
            'head',
            'query',
            'key',
          ])
        }
      }))

    test("Llama's shape: logits", () =>
      model('llama', (weights, numbers, sizes, reference) => {
        const ids = tokens(numbers, 'tokens', 2, 0, sizes.context)
        const x = embed(weights.embedding('token_embedding'), ids)
        const output: Embedding = { weight: weights.tensor('output.weight', 'vocabulary', 'width') }
        const logits = decode(x, weights.decoderBlocks(), weights.norm('final_norm'), output, {
          activation: 'silu',
          norm: { kind: 'rms', epsilon: constant<{ epsilon: number }>(reference, 'config').epsilon },
          attention: { rotary: rotaryTable(sizes.context, { width: sizes.width / sizes.heads }) },
        })
        expectTensor(reference, numbers, 'first_logits', logits, logitAxes)
      }))

    test("the encoder-decoder of 'Attention Is All You Need', norm first: logits", () =>
      model('encoder-decoder', (weights, numbers, sizes, reference) => {
        const [, batch, longest] = numbers.shape('target') as [number, number, number]
        const source = tokens(numbers, 'source', batch)
        const target = tokens(numbers, 'target', batch, 0, longest - 1)
        const embedding = weights.embedding('embedding')
        const table = sinusoidalTable(longest, sizes.width)
        const start = (ids: Tensor<'batch' | 'position'>): Sequence =>
          addPositions(embed(embedding, ids).mul(Math.sqrt(sizes.width)), table)
        const real = (ids: Tensor<'batch' | 'position'>): Tensor<'batch' | 'key'> => {
          const flags = Array.from(ids.values(), (id) => (id === sizes.pad ? 0 : 1))
          return tensor(flags, { batch, key: ids.size('position') }, { dtype: 'i32' })
        }
        const options: BlockOptions = { activation: 'relu' }
        const seen = { mask: padding(real(source)) }
        let memory = start(source)
        for (let i = 0; i < sizes.layers; i++)
          memory = encoderBlock(weights.encoderBlock(`encoder${i}`), memory, { ...options, attention: seen })
        memory = norm(weights.norm('encoder.norm'), memory, 'width')
        let y = start(target)
        for (let i = 0; i < sizes.layers; i++)
          y = crossDecoderBlock(weights.crossBlock(`decoder${i}`), y, memory, {
            ...options,
            attention: { mask: padding(real(target)) },
            crossAttention: seen,
          })
        const logits = unembed(embedding, norm(weights.norm('decoder.norm'), y, 'width'))
        expectTensor(reference, numbers, 'first_logits', logits, logitAxes)
      }))

    test("BERT's shape, norm last: the logits of a classifier", () =>
      model('bert-lora', (weights, numbers, _, reference) => {
        const [, batch] = numbers.shape('ids') as [number, number]
        const config = constant<Record<'num_hidden_layers' | 'layer_norm_eps', number>>(reference, 'config')
        const options = { kind: 'layer', epsilon: config.layer_norm_eps } as const
        const read = (name: string): Tensor<'batch' | 'position'> => tokens(numbers, name, batch)
        const table = (name: string): Embedding =>
          weights.embedding(`bert.embeddings.${name}_embeddings.weight`)
        const words = embed(table('word'), read('ids'))
        const positions = weights.tensor('bert.embeddings.position_embeddings.weight', 'position', 'width')
        const start = addPositions(words, positions).add(embed(table('token_type'), read('types')))
        let x = norm(weights.norm('bert.embeddings.LayerNorm'), start, 'width', options)
        const mask = padding(read('padding').rename({ position: 'key' }))
        for (let i = 0; i < config.num_hidden_layers; i++)
          x = encoderBlock(weights.bertBlock(`bert.encoder.layer.${i}`), x, {
            arrangement: 'post',
            norm: options,
            attention: { mask },
          })
        const pooler = weights.linear('bert.pooler.dense', 'width', 'pooled')
        const pooled = linear(pooler, x.at('position', 0), 'width', { activation: 'tanh' })
        const logits = linear(weights.linear('classifier', 'pooled', 'label'), pooled, 'pooled')
        expectTensor(reference, numbers, 'first_logits', logits, ['batch', 'label'])
      }))
  },
)
