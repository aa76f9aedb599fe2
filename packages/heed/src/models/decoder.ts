/**
 * The decoder-only transformer: token ids in, at every position the logits of the token that follows out.
 * GPT-2 (Radford et al. 2019) and Llama (Touvron et al. 2023) are configurations of it.
 */
import { foldIn, type RandomKey } from '../base/index.js'
import {
  addPositions,
  alibi,
  alibiSlopes,
  type Block,
  type BlockOptions,
  createBlock,
  createEmbedding,
  createLinear,
  createNorm,
  decoderBlock,
  type Dropout,
  embed,
  type Embedding,
  type Initializer,
  type KeyValueCache,
  linear,
  type Linear,
  norm,
  type Norm,
  type NormOptions,
  normalInitializer,
  type PositionNumbers,
  positionsEnd,
  type PositionTable,
  type Quantized,
  rotaryTable,
  type RotaryTable,
  type Sequence,
  sinusoidalTable,
  unembed,
} from '../nn/index.js'
import { observedAsNow, tap, within } from '../observe/index.js'
import { checkpoint } from '../autograd/index.js'
import {
  axisOf,
  currentDevice,
  dropout as drop,
  keep,
  type Mask,
  scope,
  type Tensor,
} from '../tensor/index.js'
import type { DecoderConfig } from './decoder-config.js'

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
  config: DecoderConfig,
  key: RandomKey,
  { initializer }: { readonly initializer?: Initializer } = {},
): Decoder {
  const { vocabulary, context, width, layers, heads, keyValueHeads, hidden, gated, bias, position, tied } =
    config
  const plain = initializer ?? normalInitializer()
  const residual = initializer ?? normalInitializer(0.02 / Math.sqrt(2 * layers))
  const normBias = bias && config.norm === 'layer'
  return {
    embedding: createEmbedding(foldIn(key, 'embedding'), { vocabulary, width }, plain),
    ...(position === 'learned'
      ? { position: plain(foldIn(key, 'position'), { position: context, width }, context, width) }
      : {}),
    blocks: Array.from({ length: layers }, (_, layer) =>
      createBlock(foldIn(foldIn(key, 'blocks'), layer), {
        width,
        heads,
        keyValueHeads,
        hidden,
        gated,
        bias,
        normBias,
        initializer: plain,
        outputInitializer: residual,
      }),
    ),
    norm: createNorm({ width }, { bias: normBias }),
    ...(tied
      ? {}
      : {
          head: createLinear(
            foldIn(key, 'head'),
            { width },
            { vocabulary },
            { bias: false, initializer: plain },
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
  /** While training. */
  readonly dropout?: Dropout | undefined
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
 * @param ids i32
 * @throws ShapeError for ids outside the vocabulary; UsageError for positions beyond a table of learned ones
 */
export function decoderStates(
  model: Quantized<Decoder>,
  config: DecoderConfig,
  ids: Tensor<'batch' | 'position'>,
  { cache, dropout, mask, positions: given, rematerialize = false }: DecoderOptions = {},
): Sequence {
  const start = cache?.length ?? 0
  const end = Math.max(
    start + axisOf('decoder', ids, 'position').size,
    given === undefined ? 0 : positionsEnd(given),
  )
  const { rotary, positions, slopes } = tablesOf(config, end)
  let x: Sequence = tap('embedding', embed(model.embedding, ids))
  const table = model.position ?? positions
  if (table !== undefined) x = addPositions(x, table, given ?? start)
  if (dropout !== undefined && dropout.rate > 0) x = drop(x, dropout.rate, foldIn(dropout.key, 'embedding'))
  const normOptions = normOf(config)
  model.blocks.forEach((block, layer) => {
    const options: BlockOptions = {
      norm: normOptions,
      activation: config.activation,
      attention: { mask, rotary, positions: given, ...(slopes && { score: alibi(slopes) }) },
      dropout: dropout && { rate: dropout.rate, key: foldIn(foldIn(dropout.key, 'blocks'), layer) },
    }
    const run = (parameters: Quantized<Block>, input: Sequence): Sequence =>
      decoderBlock(parameters, input, { ...options, cache: cache?.layer(layer) })
    x = within(`blocks.${layer}`, () => (rematerialize ? checkpoint(observedAsNow(run)) : run)(block, x))
  })
  return within('finalNorm', () => norm(model.norm, x, 'width', normOptions))
}

/**
 * The logits of the token that follows each position. Names, for `observe`: embedding, position, blocks.N.*,
 * finalNorm.*, logits.
 *
 * @param ids i32
 * @throws as `decoderStates` does
 */
export function decoderLogits(
  model: Quantized<Decoder>,
  config: DecoderConfig,
  ids: Tensor<'batch' | 'position'>,
  options: DecoderOptions = {},
): Tensor<'batch' | 'position' | 'vocabulary'> {
  return scope(() => logitsOf(model, decoderStates(model, config, ids, options)))
}

/**
 * Logits from the vectors that `decoderStates` gave: the output projection alone. Take some positions of the
 * states first, where not all logits are wanted.
 */
export function logitsOf(
  model: Quantized<Decoder>,
  states: Sequence,
): Tensor<'batch' | 'position' | 'vocabulary'> {
  return tap(
    'logits',
    model.head === undefined ? unembed(model.embedding, states) : linear(model.head, states, 'width'),
  )
}

function normOf({ norm, epsilon }: DecoderConfig): NormOptions {
  return { kind: norm, epsilon }
}

/** What follows from the configuration alone. */
interface Tables {
  readonly length: number
  readonly rotary: RotaryTable | undefined
  readonly positions: PositionTable | undefined
  readonly slopes: Tensor<'head'> | undefined
}

const tables = new WeakMap<object, WeakMap<DecoderConfig, Tables>>()

/** The tables for at least so many positions, kept with the configuration for each device. */
function tablesOf(config: DecoderConfig, needed: number): Tables {
  const device = currentDevice()
  let byConfig = tables.get(device)
  if (byConfig === undefined) tables.set(device, (byConfig = new WeakMap()))
  const known = byConfig.get(config)
  if (known !== undefined && needed <= known.length) return known
  // As far as is needed, to a power of two: what a configuration claims may be far more than there is memory
  // for.
  const length = Math.max(64, 2 ** Math.ceil(Math.log2(needed)))
  const { position, width, heads, rotaryBase } = config
  const made: Tables = keep({
    length,
    rotary:
      position === 'rotary' ? rotaryTable(length, { width: width / heads, base: rotaryBase }) : undefined,
    positions: position === 'sinusoidal' ? sinusoidalTable(length, width) : undefined,
    slopes: position === 'alibi' ? (known?.slopes ?? alibiSlopes(heads)) : undefined,
  })
  byConfig.set(config, made)
  return made
}
