/**
 * The three models that are compared, in one form: a recurrent encoder-decoder with one fixed vector, the
 * same with attention, and a transformer. All read ids, and write ids greedily.
 */
import {
  collect,
  createEncoderDecoder,
  createRecurrentTranslator,
  type EncoderDecoder,
  type EncoderDecoderDesign,
  encodeSource,
  type LayerDesign,
  padding,
  type RandomKey,
  type RecurrentTranslator,
  scope,
  targetLogits,
  tensor,
  type Tensor,
  translate,
  translationLogits,
  writableTarget,
  write,
  xavierUniform,
} from 'heed'
import type { ModelSizes } from './settings.js'

export type Ids = Tensor<'batch' | 'position'>

/** Ids that are no words: what fills rows up, what stands before a target, and what ends one. */
export const special = { pad: 0, start: 1, end: 2 } as const

/** A model that reads a source and writes a target. */
export interface Contestant<M> {
  create(key: RandomKey): M
  /**
   * The logits of what follows each of `inputs`, being told all up to it. Rows are filled up with `pad`, at
   * their ends.
   */
  logits(model: M, source: Ids, inputs: Ids): Tensor<'batch' | 'position' | 'vocabulary'>
  /** The likeliest id at each step, until `end`, which is left out, or `longest` ids. */
  write(model: M, sources: readonly (readonly number[])[], longest: number): Promise<number[][]>
  /**
   * How much each of `inputs` attends to each id of the source: the mean over the heads of the last layer
   * where there are several. Undefined without attention.
   */
  filter(model: M, source: readonly number[], inputs: readonly number[]): number[][] | undefined
}

/** Rows of ids as a tensor, filled up with `pad`. */
export function padded(rows: readonly (readonly number[])[]): Ids {
  const position = Math.max(...rows.map(({ length }) => length))
  const ids = new Int32Array(rows.length * position).fill(special.pad)
  rows.forEach((row, i) => ids.set(row, i * position))
  return tensor(ids, { batch: rows.length, position }, { dtype: 'i32' })
}

/** A model of some sizes, for a vocabulary that source and target share. */
export function contestantOf(sizes: ModelSizes, vocabulary: number): Contestant<unknown> {
  return sizes.kind === 'recurrent' ? recurrent(sizes, vocabulary) : transformer(sizes, vocabulary)
}

function recurrent(
  { width, units, alignment }: Extract<ModelSizes, { kind: 'recurrent' }>,
  vocabulary: number,
): Contestant<RecurrentTranslator> {
  const { pad } = special
  return {
    create: (key) => createRecurrentTranslator({ vocabulary, width, units, alignment }, key),
    logits: (model, source, inputs) => translationLogits(model, source, inputs, { pad }).logits,
    write: (model, sources, longest) =>
      Promise.resolve(scope(() => translate(model, padded(sources), { ...special, longest }))),
    filter: (model, source, inputs) =>
      scope(() => {
        const { filter } = translationLogits(model, padded([source]), padded([inputs]), { pad })
        return filter && rowsOf(filter.at('batch', 0).values(['position', 'key']), source.length)
      }),
  }
}

function transformer(
  { width, heads, hidden, layers }: Extract<ModelSizes, { kind: 'transformer' }>,
  vocabulary: number,
): Contestant<EncoderDecoder> {
  const { pad, start, end } = special
  const norm = { kind: 'layer', epsilon: 1e-5 } as const
  const layer: LayerDesign = {
    shape: { width, heads, hidden },
    arrangement: 'pre',
    norm,
    activation: 'relu',
    attention: {},
  }
  const stack = { blocks: Array<LayerDesign>(layers).fill(layer), finalNorm: norm }
  const design: EncoderDecoderDesign = {
    architecture: 'transformer',
    vocabulary,
    // Sines go on for ever.
    context: Infinity,
    width,
    layers,
    heads,
    encoder: stack,
    decoder: stack,
    position: { kind: 'sinusoidal' },
    embeddingScale: Math.sqrt(width),
    tied: true,
    padding: pad,
    start,
  }
  const logits: Contestant<EncoderDecoder>['logits'] = (model, source, inputs) => {
    const mask = padding(source)
    const states = encodeSource(model, design, source, { mask })
    return targetLogits(model, design, inputs, states, { sourceMask: mask })
  }
  return {
    create: (key) => createEncoderDecoder(design, key, { initializer: xavierUniform }),
    logits,
    async write(model, sources, longest) {
      const prompts = sources.map(() => [start])
      const options = { tokens: longest, stop: [end], temperature: 0 }
      const written = await write(writableTarget(model, design, sources), prompts, options)
      return written.map(({ ids }) => ids.filter((id) => id !== end))
    },
    filter: (model, source, inputs) =>
      scope(() => {
        const name = `decoder.blocks.${layers - 1}.crossAttention.filter`
        const { values } = collect([name], () => logits(model, padded([source]), padded([inputs])))
        const perHead = values.get(name)!.at('batch', 0)
        const weights = Array.from({ length: heads }, (_, head) =>
          rowsOf(perHead.at('head', head).values(['query', 'key']), source.length),
        )
        return inputs.map((_, query) =>
          source.map((_id, key) => weights.reduce((sum, rows) => sum + rows[query]![key]!, 0) / heads),
        )
      }),
  }
}

/** Numbers as rows of `columns`. */
function rowsOf(numbers: ArrayLike<number>, columns: number): number[][] {
  const all = Array.from(numbers)
  return Array.from({ length: all.length / columns }, (_, row) =>
    all.slice(row * columns, (row + 1) * columns),
  )
}
