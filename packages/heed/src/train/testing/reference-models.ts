import { bitsAt, randomKey } from '../../base/index.js'
import { type Schedule, inverseSquareRootSchedule, constantSchedule } from '../index.js'
import { type Decoder, decoderConfig, decoderLogits } from '../../models/index.js'
import {
  addPositions,
  type AttentionParameters,
  type Block,
  type CrossBlock,
  crossDecoderBlock,
  embed,
  encoderBlock,
  type FeedForward,
  type Linear,
  norm,
  type Norm,
  padding,
  type PositionTable,
  type Sequence,
  sinusoidalTable,
  unembed,
} from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import { type AnyTensor, crossEntropy, tensor, type Tensor } from '../../tensor/index.js'
import { type ModelCase, type ReferenceTensor, tensorsOf } from './reference.js'

type Ids = Tensor<'batch' | 'position'>
type Logits = Tensor<'batch' | 'position' | 'vocabulary'>

/** A value to hold against the case's tensor of that name. */
export interface Found {
  readonly name: string
  readonly tensor: AnyTensor
  readonly axes: readonly string[]
}

/** A case as something to train. */
export interface ReferenceModel<M, B> {
  /** The weights that are trained. */
  readonly model: M
  readonly schedule: Schedule
  readonly batch: (step: number) => B
  readonly loss: (model: M, batch: B) => Tensor<never>
  /** What the case tells of the model before training. */
  readonly before: (model: M) => readonly Found[]
  /** What it tells of it afterwards, beside the weights. */
  readonly after?: (model: M) => readonly Found[]
}

/** The tensors of a case, made on the current device, with the names that they have there. */
export class CaseTensors {
  readonly reference: ModelCase
  readonly tensors: ReadonlyMap<string, ReferenceTensor>
  readonly #names = new Map<AnyTensor, string>()
  readonly #jitter: number

  /** With a `jitter`, initial weights differ in their last bit, in another way for each number. */
  constructor(reference: ModelCase, jitter = 0) {
    this.reference = reference
    this.tensors = tensorsOf(reference)
    this.#jitter = jitter
  }
  get(name: string): ReferenceTensor {
    const found = this.tensors.get(name)
    if (found === undefined) throw new Error(`${this.reference.name}: no tensor ${name}`)
    return found
  }
  number(name: string): number {
    return Number(this.reference.config[name])
  }
  /** The name of the weight that this tensor began as. */
  nameOf(weight: AnyTensor): string {
    return this.#names.get(weight)!
  }
  /**
   * An initial weight; its axes by name, in the file's order, where one axis of the file may be several here.
   */
  weight<A extends string>(name: string, shape: Readonly<Record<A, number>>): Tensor<A> {
    const { values } = this.get(`initial.${name}`)
    const key = randomKey(this.#jitter, name)
    const moved = (value: number, i: number): number =>
      value * (1 + (bitsAt(key, i) % 2 ? 2 ** -23 : -(2 ** -23)))
    const made = tensor(this.#jitter === 0 ? values : values.map(moved), shape) as Tensor<A>
    this.#names.set(made, name)
    return made
  }
  /** Integers of one step. */
  ids(name: string, step: number, { batch = Infinity, start = 0, end = Infinity } = {}): Ids {
    const { shape, values } = this.get(name)
    const [, rows, length] = shape as [number, number, number]
    const [count, stop] = [Math.min(batch, rows), Math.min(end, length)]
    const chosen: number[] = []
    for (let row = 0; row < count; row++) {
      const at = (step * rows + row) * length
      chosen.push(...values.subarray(at + start, at + stop))
    }
    return tensor(chosen, { batch: count, position: stop - start }, { dtype: 'i32' })
  }
  #size(name: string, axis: number): number {
    return this.get(`initial.${name}`).shape[axis]!
  }
  #has(name: string): boolean {
    return this.tensors.has(`initial.${name}`)
  }
  norm(name: string): Norm {
    const width = this.#size(`${name}.weight`, 0)
    const weight = this.weight(`${name}.weight`, { width })
    return this.#has(`${name}.bias`) ? { weight, bias: this.weight(`${name}.bias`, { width }) } : { weight }
  }
  table<A extends string>(name: string, rows: A): Tensor<A | 'width'> {
    const shape = { [rows]: this.#size(name, 0), width: this.#size(name, 1) }
    return this.weight(name, shape as Record<A | 'width', number>)
  }
  linear<I extends string, O extends string>(
    name: string,
    from: (size: number) => Readonly<Record<I, number>>,
    to: (size: number) => Readonly<Record<O, number>>,
  ): Linear<I, O> {
    const [out, into] = [to(this.#size(`${name}.weight`, 0)), from(this.#size(`${name}.weight`, 1))]
    const weight = this.weight<I | O>(`${name}.weight`, { ...out, ...into } as Record<I | O, number>)
    return this.#has(`${name}.bias`) ? { weight, bias: this.weight(`${name}.bias`, out) } : { weight }
  }
  attention(name: string, output: string, heads: number, keyHeads: number = heads): AttentionParameters {
    const width = (size: number): { width: number } => ({ width: size })
    const split = (count: number) => (size: number) => ({ head: count, headWidth: size / count })
    return {
      query: this.linear(`${name}.query`, width, split(heads)),
      key: this.linear(`${name}.key`, width, split(keyHeads)),
      value: this.linear(`${name}.value`, width, split(keyHeads)),
      output: this.linear(output, split(heads), width),
    }
  }
  feedForward(name: string, up = 'up', down = 'down'): FeedForward {
    const width = (size: number): { width: number } => ({ width: size })
    const hidden = (size: number): { hidden: number } => ({ hidden: size })
    return {
      up: this.linear(`${name}.${up}`, width, hidden),
      ...(this.#has(`${name}.gate.weight`) && { gate: this.linear(`${name}.gate`, width, hidden) }),
      down: this.linear(`${name}.${down}`, hidden, width),
    }
  }
}

const logitAxes = ['batch', 'position', 'vocabulary']

/** `gpt` and `llama`: heed's decoder, by its configuration. */
export function decoderCase(given: CaseTensors): ReferenceModel<Decoder, { inputs: Ids; targets: Ids }> {
  const { config, optimizer } = given.reference
  const heads = given.number('heads')
  const isLlama = 'rotary_base' in config
  const own = decoderConfig({
    vocabulary: given.number('vocabulary'),
    context: given.number('context'),
    width: given.number('width'),
    layers: given.number('layers'),
    heads,
    hidden: given.number('hidden'),
    ...(isLlama
      ? {
          keyValueHeads: given.number('kv_heads'),
          rotaryBase: given.number('rotary_base'),
          epsilon: given.number('epsilon'),
          tied: false,
        }
      : { activation: 'gelu-tanh', gated: false, norm: 'layer', position: 'learned', bias: true }),
  })
  const model: Decoder = {
    embedding: { weight: given.table('token_embedding', 'vocabulary') },
    ...(!isLlama && { position: given.table('position_embedding', 'position') as PositionTable }),
    blocks: Array.from({ length: own.layers }, (_, i) => ({
      attentionNorm: given.norm(`block${i}.attention_norm`),
      attention: given.attention(`block${i}`, `block${i}.attention_output`, heads, own.keyValueHeads),
      feedForwardNorm: given.norm(`block${i}.feed_forward_norm`),
      feedForward: given.feedForward(`block${i}`),
    })),
    norm: given.norm('final_norm'),
    ...(isLlama && { head: { weight: given.table('output.weight', 'vocabulary') } }),
  }
  const batch = (step: number, rows = Infinity): { inputs: Ids; targets: Ids } => ({
    inputs: given.ids('tokens', step, { batch: rows, end: own.context }),
    targets: given.ids('tokens', step, { batch: rows, start: 1 }),
  })
  return {
    model,
    schedule: constantSchedule({ peak: Number(optimizer.lr) }),
    batch,
    loss: (weights, { inputs, targets }) =>
      crossEntropy(decoderLogits(weights, own, inputs), targets, 'vocabulary'),
    before: (weights) => {
      const names = ['blocks.*.residualAfter', 'blocks.*.attention.filter']
      const { result, values } = collect(names, () => decoderLogits(weights, own, batch(0, 2).inputs))
      const blocks = isLlama
        ? []
        : model.blocks.flatMap((_, i) => [
            {
              name: `first_block${i}.output`,
              tensor: values.get(`blocks.${i}.residualAfter`)!,
              axes: ['batch', 'position', 'width'],
            },
            {
              name: `first_block${i}.filter`,
              tensor: values.get(`blocks.${i}.attention.filter`)!,
              axes: ['batch', 'head', 'query', 'key'],
            },
          ])
      return [{ name: 'first_logits', tensor: result, axes: logitAxes }, ...blocks]
    },
  }
}

export interface Translator {
  readonly embedding: Tensor<'vocabulary' | 'width'>
  readonly encoder: { readonly blocks: readonly Block[]; readonly norm: Norm }
  readonly decoder: { readonly blocks: readonly CrossBlock[]; readonly norm: Norm }
}

/** `encoder-decoder`: the transformer of "Attention Is All You Need" with the norms first. */
export function encoderDecoderCase(
  given: CaseTensors,
): ReferenceModel<Translator, { source: Ids; inputs: Ids; targets: Ids }> {
  const [heads, layers, pad, width] = ['heads', 'layers', 'pad', 'width'].map((name) =>
    given.number(name),
  ) as [number, number, number, number]
  const block = (name: string): Block => ({
    attentionNorm: given.norm(`${name}.norm1`),
    attention: given.attention(`${name}.self`, `${name}.self.output`, heads),
    feedForwardNorm: given.norm(`${name}.norm2`),
    feedForward: given.feedForward(name),
  })
  const crossBlock = (name: string): CrossBlock => ({
    attentionNorm: given.norm(`${name}.norm1`),
    attention: given.attention(`${name}.self`, `${name}.self.output`, heads),
    crossAttentionNorm: given.norm(`${name}.norm2`),
    crossAttention: given.attention(`${name}.cross`, `${name}.cross.output`, heads),
    feedForwardNorm: given.norm(`${name}.norm3`),
    feedForward: given.feedForward(name),
  })
  const numbers = Array.from({ length: layers }, (_, i) => i)
  const model: Translator = {
    embedding: given.table('embedding', 'vocabulary'),
    encoder: { blocks: numbers.map((i) => block(`encoder${i}`)), norm: given.norm('encoder.norm') },
    decoder: { blocks: numbers.map((i) => crossBlock(`decoder${i}`)), norm: given.norm('decoder.norm') },
  }
  const longest = given.get('target').shape[2]!
  const positions = sinusoidalTable(longest, width)
  const realKeys = (ids: Ids): Tensor<'batch' | 'key'> =>
    tensor(
      Array.from(ids.values(['batch', 'position']), (id) => (id === pad ? 0 : 1)),
      { batch: ids.size('batch'), key: ids.size('position') },
      { dtype: 'i32' },
    )
  const translate = (
    { embedding: weight, encoder, decoder }: Translator,
    source: Ids,
    inputs: Ids,
  ): Logits => {
    const start = (ids: Ids): Sequence =>
      addPositions(embed({ weight }, ids).mul(Math.sqrt(width)) as Sequence, positions)
    const seen = { mask: padding(realKeys(source)) }
    let memory = start(source)
    for (const own of encoder.blocks)
      memory = encoderBlock(own, memory, { activation: 'relu', attention: seen })
    memory = norm(encoder.norm, memory, 'width')
    let y = start(inputs)
    for (const own of decoder.blocks)
      y = crossDecoderBlock(own, y, memory, {
        activation: 'relu',
        attention: { mask: padding(realKeys(inputs)) },
        crossAttention: seen,
      })
    return unembed({ weight }, norm(decoder.norm, y, 'width')) as Logits
  }
  const batch = (step: number): { source: Ids; inputs: Ids; targets: Ids } => ({
    source: given.ids('source', step),
    inputs: given.ids('target', step, { end: longest - 1 }),
    targets: given.ids('target', step, { start: 1 }),
  })
  return {
    model,
    // The rate of the case is a formula: Vaswani's, with a warm-up of 20.
    schedule: inverseSquareRootSchedule({ width, warmUp: 20 }),
    batch,
    loss: (weights, { source, inputs, targets }) =>
      crossEntropy(translate(weights, source, inputs), targets, 'vocabulary', {
        ignore: pad,
        labelSmoothing: given.number('label_smoothing'),
      }),
    before: (weights) => {
      const { source, inputs } = batch(0)
      return [{ name: 'first_logits', tensor: translate(weights, source, inputs), axes: logitAxes }]
    },
  }
}
