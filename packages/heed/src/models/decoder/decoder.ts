/**
 * The decoder-only transformer: token ids in, at every position the logits of the token that follows out.
 * GPT-2 (Radford et al. 2019) and Llama (Touvron et al. 2023) are configurations of it.
 */
import { foldIn, type RandomKey, UsageError } from '../../base/index.js'
import { checkpoint } from '../../autograd/index.js'
import {
  addPositions,
  allOf,
  type Block,
  type BlockOptions,
  createBlock,
  createEmbedding,
  createLinear,
  createNorm,
  decoderBlock,
  type BlockDropout,
  embed,
  type Embedding,
  type Initializer,
  type KeyValueCache,
  layerRows,
  linear,
  type Linear,
  type ModelRows,
  norm,
  type Norm,
  normalInitializer,
  type PositionNumbers,
  positionsEnd,
  type PositionTable,
  type Quantized,
  rotaryAt,
  type RotaryTable,
  rowPositions,
  rowStarts,
  type Sequence,
  slidingWindow,
  unembed,
} from '../../nn/index.js'
import { observedAsNow, tap, within } from '../../observe/index.js'
import { axisOf, dropout as drop, map, type Mask, scope, type Tensor } from '../../tensor/index.js'
import { blockOptions } from '../layer-design.js'
import { sinesFor } from '../position-tables.js'
import type { DecoderConfig } from './decoder-config.js'
import { decoderDesign, type DecoderDesign } from './design.js'

/** The parameters of a decoder. */
export interface Decoder {
  readonly embedding: Embedding
  /** Learned positions, where the configuration has them. */
  readonly position?: PositionTable
  readonly blocks: readonly Block[]
  readonly norm: Norm
  /** The output, where it does not share the embedding's table. */
  readonly head?: Linear<'width', 'vocabulary'>
}

/**
 * A decoder before training: normal with deviation 0.02, the projections back into the residual stream
 * divided by √(2 × layers) (GPT-2).
 *
 * @param initializer another one for all weights
 */
export function createDecoder(
  config: DecoderConfig | DecoderDesign,
  key: RandomKey,
  { initializer }: { readonly initializer?: Initializer } = {},
): Decoder {
  const { vocabulary, context, width, layers, blocks, position, tied, ...rest } = decoderDesign(config)
  const { finalNorm, finalNormBias, headBias = false } = rest
  const plain = initializer ?? normalInitializer()
  const residual = initializer ?? normalInitializer(0.02 / Math.sqrt(2 * layers))
  const last = blocks.at(-1)!.shape
  const normBias = finalNormBias ?? last.normBias ?? last.bias ?? true
  return {
    embedding: createEmbedding(foldIn(key, 'embedding'), { vocabulary, width }, plain),
    ...(position === 'learned'
      ? { position: plain(foldIn(key, 'position'), { position: context, width }, context, width) }
      : {}),
    blocks: blocks.map(({ shape }, layer) =>
      createBlock(foldIn(foldIn(key, 'blocks'), layer), {
        ...shape,
        initializer: plain,
        outputInitializer: residual,
      }),
    ),
    norm: createNorm({ width }, { bias: normBias, onePlus: finalNorm.onePlus === true, initializer }),
    ...(tied
      ? {}
      : {
          head: createLinear(
            foldIn(key, 'head'),
            { width },
            { vocabulary },
            { bias: headBias, initializer: plain },
          ),
        }),
  }
}

/**
 * What happens in one run of a decoder. Training gives `dropout`, and `rematerialize` where memory is short.
 * Decoding gives the same `cache` to each call. A batch that is filled up gives `mask: padding(real)`, and
 * `positions` where it is filled up at the left. The causal mask always applies.
 */
export interface DecoderOptions {
  /** What came before: the ids are taken to follow it, and are added to it. */
  readonly cache?: KeyValueCache | undefined
  /** Texts of lengths of their own, one after the other in a batch of 1, each with its own cache. */
  readonly rows?: ModelRows | undefined
  /** While training. */
  readonly dropout?: BlockDropout | undefined
  /** Beside the causal one: padding, documents, a window. */
  readonly mask?: Mask | undefined
  /**
   * Where the ids stand, i32: from 0 on in each text, where rows are padded at their left (`batchOf` has
   * them) or hold several texts. Default: one after the other, behind what the cache holds.
   */
  readonly positions?: Exclude<PositionNumbers, number> | undefined
  /** Forget what happens inside each block, and compute it again for the gradient: less memory, more time. */
  readonly rematerialize?: boolean | undefined
}

/**
 * The residual stream after the last norm: one vector of `width` numbers for each position.
 *
 * @param config heed's own, or the design of another architecture
 * @param ids i32
 * @throws ShapeError for ids outside the vocabulary; UsageError for positions beyond a table of learned ones,
 * or where a text grows over the length at which LongRoPE's angles change
 */
export function decoderStates(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  ids: Tensor<'batch' | 'position'>,
  { cache, rows, dropout, mask, positions: given, rematerialize = false }: DecoderOptions = {},
): Sequence {
  const design = decoderDesign(config)
  const { positions, start, end } = placesOf(design, ids, { cache, rows, positions: given })
  const { embeddingScale, finalNorm } = design
  let x: Sequence = embed(model.embedding, ids)
  if (embeddingScale !== undefined) x = x.mul(embeddingScale)
  x = tap('embedding', x)
  const table =
    model.position ?? (design.position === 'sinusoidal' ? sinesFor(design.width, {}, end) : undefined)
  if (table !== undefined) x = addPositions(x, table, positions ?? start)
  if (dropout !== undefined && dropout.rate > 0) x = drop(x, dropout.rate, foldIn(dropout.key, 'embedding'))
  const turned = new Map<RotaryTable, RotaryTable>()
  model.blocks.forEach((block, layer) => {
    const own = design.blocks[layer]!
    const { window } = own.attention
    const masks = [window === undefined ? undefined : slidingWindow(window), mask]
    const common = blockOptions(own, { length: end, positions: given, masks }, (all) => allOf(...all))
    const options = {
      ...common,
      ...(rows && { attention: inRows(common.attention, layerRows(rows, layer), positions, turned) }),
      dropout: dropout && { ...dropout, key: foldIn(foldIn(dropout.key, 'blocks'), layer) },
    }
    const run = (parameters: Quantized<Block>, input: Sequence): Sequence =>
      decoderBlock(parameters, input, { ...options, cache: cache?.layer(layer) })
    x = within(`blocks.${layer}`, () => (rematerialize ? checkpoint(observedAsNow(run)) : run)(block, x))
  })
  return within('finalNorm', () => norm(model.norm, x, 'width', finalNorm))
}

/** Where the ids stand: from `start` on, or each at its own position; and where the last ends. */
function placesOf(
  design: DecoderDesign,
  ids: Tensor<'batch' | 'position'>,
  { cache, rows, positions }: Pick<DecoderOptions, 'cache' | 'rows' | 'positions'>,
): { readonly start: number; readonly end: number; readonly positions: DecoderOptions['positions'] } {
  const { size } = axisOf('decoder', ids, 'position')
  const starts = rows === undefined ? [cache?.length ?? 0] : rowStarts(rows)
  const ends = rows === undefined ? [starts[0]! + size] : starts.map((start, i) => start + rows.lengths[i]!)
  const end = Math.max(...ends, positions === undefined ? 0 : positionsEnd(positions))
  if (cache !== undefined || rows !== undefined) checkLongRope(design, starts, ends)
  if (rows === undefined || rows.lengths.length === 1) return { start: starts[0] ?? 0, end, positions }
  return { start: 0, end, positions: positions ?? rowPositions(rows.lengths, starts) }
}

/** Long texts have other angles (LongRoPE): what is remembered of short ones does not go with them. */
function checkLongRope({ blocks }: DecoderDesign, starts: readonly number[], ends: readonly number[]): void {
  for (const scaling of new Set(blocks.map(({ attention }) => attention.rotary?.scaling))) {
    if (scaling?.type !== 'longrope') continue
    const lengths = [...starts.filter((start) => start > 0), ...ends]
    const long = lengths.filter((length) => length > scaling.trained)
    if (long.length === 0 || long.length === lengths.length) continue
    throw new UsageError({
      operation: 'decoder',
      expected: `texts that are all longer than ${scaling.trained} tokens, or none, as they were in the cache`,
      found: `${[...new Set(lengths)].join(', ')} tokens`,
      hint: 'run long texts apart; where a text grows longer, give all of its ids with a new cache',
    })
  }
}

type AttentionOptions = NonNullable<BlockOptions['attention']>

/** The attention of a layer, of rows; what of a rotary table their positions need is looked up once. */
function inRows(
  attention: AttentionOptions = {},
  rows: AttentionOptions['rows'],
  positions: DecoderOptions['positions'],
  turned: Map<RotaryTable, RotaryTable>,
): AttentionOptions {
  const { rotary } = attention
  if (rotary === undefined || positions === undefined) return { ...attention, rows }
  const known = turned.get(rotary) ?? rotaryAt(rotary, positions as Tensor<'position'>)
  turned.set(rotary, known)
  return { ...attention, rows, rotary: known, positions: 0 }
}

/**
 * The logits of the token that follows each position. Names, for `observe`: embedding, position, blocks.N.*,
 * finalNorm.*, logits.
 *
 * @param config heed's own, or the design of another architecture
 * @param ids i32
 * @throws as `decoderStates` does
 */
export function decoderLogits(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  ids: Tensor<'batch' | 'position'>,
  options: DecoderOptions = {},
): Tensor<'batch' | 'position' | 'vocabulary'> {
  return scope(() => logitsOf(model, config, decoderStates(model, config, ids, options)))
}

/**
 * Logits from the vectors that `decoderStates` gave: the output projection alone. Take some positions of the
 * states first, where not all logits are wanted.
 *
 * @param config heed's own, or the design of another architecture
 */
export function logitsOf<A extends string = 'batch' | 'position'>(
  model: Quantized<Decoder>,
  config: DecoderConfig | DecoderDesign,
  states: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  const { softCap: cap } = decoderDesign(config)
  const logits =
    model.head === undefined ? unembed<A>(model.embedding, states) : projected(model.head, states)
  return tap('logits', cap === undefined ? logits : map((v) => v.div(cap).tanh().mul(cap), logits))
}

function projected<A extends string>(
  head: Quantized<Linear<'width', 'vocabulary'>>,
  states: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  return linear<A | 'width', 'width', 'vocabulary'>(head, states, 'width') as never
}
