/** A small encoder made of a large one, to begin its training with. */
import { checkNames, checkWhole, mapTree, readJson, UsageError } from '../../base/index.js'
import { CheckpointConfig } from '../../checkpoint/index.js'
import { collect } from '../../observe/index.js'
import type { Block } from '../../nn/index.js'
import { copy, isTensor, keep, scope, tensor, type Tensor } from '../../tensor/index.js'
import { pruneTokenizer, type PruneOptions, type Tokenizer } from '../../text/index.js'
import type { Architecture } from '../architecture.js'
import { type Encoder, type EncoderDesign, encoderStates } from '../encoder/index.js'
import type { LoadedEncoder } from '../load.js'
import { architectureOf } from '../registry.js'
import { type EmbeddingTables, factorizeEmbedding, type PlacedToken } from './factorize.js'

/** What is left of an encoder. */
export interface ShrinkOptions {
  /** Texts as those that the small model will read: what they need is kept. */
  readonly texts: readonly string[]
  /** Which tokens stay; `false`: all. Default: those that the texts need. */
  readonly vocabulary?: PruneOptions | false | undefined
  /** Numbers of a token's vector, which a projection widens. Default: as many as the model's. */
  readonly embedding?: number | undefined
  /** Which layers stay, by their numbers from 0 in their order. Default all. */
  readonly layers?: readonly number[] | undefined
  /**
   * Units of each feed-forward layer: those stay that bring most to the layer's result for the texts. Default
   * all.
   */
  readonly hidden?: number | undefined
  /** Positions that stay, from the first. Default all. */
  readonly context?: number | undefined
}

const operation = 'shrinkEncoder'
/** Tokens of the texts that the factors and the units are chosen by. */
const mostSamples = 8192
/** Texts that are run at once. */
const together = 32

/**
 * A small encoder from the parts of a BERT: of its vocabulary, embedding (as ELECTRA's: narrower, with a
 * projection), layers (as DistilBERT's; Sanh et al. 2019, section 3), feed-forward units and positions. It
 * gives nearly what the large one gives as long as little is taken, and is a fair start for distillation
 * else. `saveModel` and `saveSentenceEncoder` write it.
 *
 * @param loaded of the architecture BERT; a head is left out
 * @throws UsageError for another architecture, or options that make no sense
 */
export function shrinkEncoder(loaded: LoadedEncoder, options: ShrinkOptions): LoadedEncoder {
  const { config: design } = loaded
  check(design, options)
  const { texts, embedding, hidden, layers = design.blocks.map((_, i) => i) } = options
  const { vocabulary, context = design.context } = options
  const { tokenizer, ids } =
    vocabulary === false
      ? { tokenizer: loaded.tokenizer, ids: Int32Array.from({ length: design.vocabulary }, (_, id) => id) }
      : pruneTokenizer(loaded.tokenizer, texts, vocabulary)
  const tables = tablesOf(loaded.model, design, ids, context)
  const narrow =
    embedding === undefined || embedding === design.width
      ? undefined
      : factorizeEmbedding(tables, embedding, samplesOf(tokenizer, texts, context))
  const units = hidden === undefined ? undefined : unitsOf(loaded, texts, layers, hidden)
  const rows = (numbers: Float32Array, axis: string, width: number): Tensor =>
    keep(tensor(numbers, { [axis]: numbers.length / width, width })) as unknown as Tensor
  const width = narrow === undefined ? design.width : embedding!
  const from = narrow ?? tables
  const model = scope(() => ({
    embedding: { weight: rows(from.tokens, 'vocabulary', width) },
    position: rows(from.positions, 'position', width),
    tokenType: rows(from.types, 'tokenType', width),
    embeddingNorm: {
      weight: keep(tensor(narrow === undefined ? tables.weight : new Float32Array(width).fill(1), { width })),
      bias: keep(tensor(narrow === undefined ? tables.bias : new Float32Array(width), { width })),
    },
    ...(narrow && {
      projection: {
        weight: keep(tensor(narrow.projection, { narrow: width, width: design.width })),
        bias: keep(tensor(narrow.bias, { width: design.width })),
      },
    }),
    blocks: layers.map((layer, i) => {
      const block = loaded.model.blocks[layer]!
      const own = units === undefined ? block : withUnits(block, units[i]!)
      // The large model stays whole when the small one is trained, and frees what it had.
      return mapTree<Block, Tensor>(own, isTensor, (leaf) => keep(copy(leaf)))
    }),
  })) as unknown as Encoder
  return described(loaded, model, tokenizer, {
    model_type: narrow === undefined ? 'bert' : 'electra',
    architectures: [narrow === undefined ? 'BertModel' : 'ElectraModel'],
    ...(narrow && { embedding_size: width }),
    vocab_size: ids.length,
    num_hidden_layers: layers.length,
    max_position_embeddings: context,
    ...(hidden !== undefined && { intermediate_size: hidden }),
    pad_token_id: Math.max(0, ids.indexOf(padOf(loaded))),
  })
}

/** The id that a configuration fills up with. */
function padOf({ stored }: LoadedEncoder): number {
  const pad = stored.config.member('pad_token_id')
  return pad.isNull ? 0 : pad.count()
}

/** A model of the same checkpoint with fields of its configuration, and a tokenizer, of its own. */
function described(
  loaded: LoadedEncoder,
  model: Encoder,
  tokenizer: Tokenizer,
  fields: Readonly<Record<string, unknown>>,
): LoadedEncoder {
  const { stored } = loaded
  const { pooler_type: _, ...said } = stored.config.plain() as Record<string, unknown>
  const text = JSON.stringify({ ...said, ...fields })
  const config = readJson(text, { operation, file: stored.path, hint: 'correct the configuration' })
  const own = new CheckpointConfig(config)
  const architecture = architectureOf(own)
  const design = architecture.design(own) as EncoderDesign
  own.end()
  const { pooler: _pooler, ...rest } = design
  return {
    ...loaded,
    architecture: architecture as Architecture,
    config: rest,
    model,
    attentions: architecture.attentions(design),
    tokenizer,
    stored: {
      ...stored,
      format: 'safetensors',
      architecture: architecture as Architecture,
      design: rest,
      config,
      hasTokenizer: true,
      tokenizer: () => tokenizer,
      anotherTokenizer: true,
    },
  }
}

function tablesOf(model: Encoder, design: EncoderDesign, ids: Int32Array, context: number): EmbeddingTables {
  const { width } = design
  const numbers = (tensor: Tensor, ...order: readonly string[]): Float32Array =>
    Float32Array.from(tensor.values(order))
  const all = numbers(model.embedding.weight as unknown as Tensor, 'vocabulary', 'width')
  const tokens = new Float32Array(ids.length * width)
  ids.forEach((old, id) => tokens.set(all.subarray(old * width, (old + 1) * width), id * width))
  const { weight, bias } = model.embeddingNorm
  return {
    width,
    tokens,
    positions: numbers(model.position as unknown as Tensor, 'position', 'width').subarray(0, context * width),
    types: numbers(model.tokenType as unknown as Tensor, 'tokenType', 'width'),
    weight: numbers(weight as unknown as Tensor, 'width'),
    bias: numbers(bias as unknown as Tensor, 'width'),
    epsilon: design.embedding.norm.epsilon ?? 1e-12,
  }
}

/** Tokens of texts that lie evenly among all. */
function samplesOf(tokenizer: Tokenizer, texts: readonly string[], context: number): PlacedToken[] {
  const samples: PlacedToken[] = []
  for (const text of spread(texts)) {
    const { ids } = tokenizer.encode(text, { truncation: null, padding: null })
    for (let i = 0; i < Math.min(ids.length, context); i++) samples.push({ token: ids[i]!, position: i })
    if (samples.length >= mostSamples) break
  }
  return samples
}

/** Texts in an order that goes through all of them evenly. */
function* spread(texts: readonly string[]): Generator<string> {
  const step = Math.max(1, Math.floor(texts.length / 1024))
  for (let first = 0; first < step; first++) for (let i = first; i < texts.length; i += step) yield texts[i]!
}

/**
 * The units of each layer that bring most: by the mean size of what a unit gives times the length of its row
 * in the layer behind it. In their old order.
 */
function unitsOf(
  { model, config, tokenizer }: LoadedEncoder,
  texts: readonly string[],
  layers: readonly number[],
  hidden: number,
): Int32Array[] {
  const sums = layers.map(() => new Float64Array(config.blocks[0]!.shape.hidden))
  let [read, some] = [0, [] as Int32Array[]]
  const run = (): void => {
    scope(() => {
      const names = layers.map((layer) => `blocks.${layer}.feedForward.hidden`)
      const ids = new Int32Array(some.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const one of some) {
        ids.set(one, at)
        at += one.length
      }
      const { values } = collect(names, () =>
        encoderStates(model, config, tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' }), {
          rows: some.map(({ length }) => length),
        }),
      )
      names.forEach((name, i) => {
        const numbers = values.get(name)!.values(['batch', 'position', 'hidden'])
        const own = sums[i]!
        numbers.forEach((value, place) => (own[place % own.length]! += Math.abs(value)))
      })
    })
    some = []
  }
  for (const text of spread(texts)) {
    const truncation = {
      max_length: config.context,
      strategy: 'LongestFirst',
      direction: 'Right',
      stride: 0,
    } as const
    const { ids } = tokenizer.encode(text, { truncation, padding: null })
    some.push(ids)
    read += ids.length
    if (some.length === together) run()
    if (read >= mostSamples) break
  }
  if (some.length > 0) run()
  return sums.map((own, i) => {
    const down = model.blocks[layers[i]!]!.feedForward.down.weight.values(['hidden', 'width'])
    const brings = own.map((sum, unit) => {
      const row = down.subarray(unit * config.width, (unit + 1) * config.width)
      return sum * Math.sqrt(row.reduce((squares, value) => squares + value ** 2, 0))
    })
    const order = Array.from(brings, (_, unit) => unit).sort((a, b) => brings[b]! - brings[a]! || a - b)
    return Int32Array.from(order.slice(0, hidden)).sort()
  })
}

/** A block with these units of its feed-forward layer. */
function withUnits(block: Block, units: Int32Array): Block {
  const { up, down } = block.feedForward
  const width = up.weight.size('width')
  const [first, second] = [up.weight.values(['hidden', 'width']), down.weight.values(['hidden', 'width'])]
  const chosen = (rows: ArrayLike<number>, size: number): Float32Array => {
    const made = new Float32Array(units.length * size)
    units.forEach((unit, i) => {
      for (let at = 0; at < size; at++) made[i * size + at] = rows[unit * size + at]!
    })
    return made
  }
  const shape = { hidden: units.length, width }
  return {
    ...block,
    feedForward: {
      up: {
        weight: tensor(chosen(first, width), shape),
        ...(up.bias && { bias: tensor(chosen(up.bias.values(), 1), { hidden: units.length }) }),
      },
      down: {
        weight: tensor(chosen(second, width), shape),
        ...(down.bias && { bias: down.bias }),
      },
    },
  }
}

function check(design: EncoderDesign, options: ShrinkOptions): void {
  const names: Record<keyof ShrinkOptions, true> = {
    texts: true,
    vocabulary: true,
    embedding: true,
    layers: true,
    hidden: true,
    context: true,
  }
  checkNames(operation, options, Object.keys(names))
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation, expected, found, hint })
  }
  const { architecture, width, context } = design
  if (architecture !== 'bert')
    refuse("a model of the architecture 'bert'", `'${architecture}'`, 'take another large model')
  const { texts, embedding, layers, hidden } = options
  if (texts.length === 0) refuse('at least one text', 'none', 'give texts as those that the model will read')
  const most = design.blocks[0]?.shape.hidden ?? 1
  for (const [name, value, limit] of [
    ['embedding', embedding, width],
    ['hidden', hidden, most],
    ['context', options.context, context],
  ] as const) {
    if (value === undefined) continue
    checkWhole(operation, name, value, 2)
    if (value > limit) refuse(`${name} of at most ${limit}`, String(value), 'leave it out to keep all')
  }
  if (layers === undefined) return
  const wrong = layers.find(
    (layer, i) => !Number.isInteger(layer) || layer >= design.layers || layer <= (layers[i - 1] ?? -1),
  )
  if (layers.length === 0 || wrong !== undefined)
    refuse(
      `numbers of layers from 0 to ${design.layers - 1} in their order`,
      layers.join(', '),
      'write [0, 2, 4]',
    )
}
