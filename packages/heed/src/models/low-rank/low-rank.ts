/**
 * Changes of low rank on a model's linear layers (Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large
 * Language Models"): the weights stay as they are, quantized ones too, and two narrow matrices beside each
 * are trained.
 */
import { checkNames, foldIn, inWords, leavesOf, mapTree, randomKey, UsageError } from '../../base/index.js'
import {
  type Binding,
  type Bindings,
  BindingTable,
  isModelWeight,
  type ModelWeight,
  shapeOfWeight,
} from '../../checkpoint/index.js'
import { isLowRank, plainWeight, type Quantized } from '../../nn/index.js'
import { copy, isTensor, type Tensor, uniform, zeros } from '../../tensor/index.js'
import type { Architecture, Design } from '../architecture.js'
import { type DecoderConfig, llamaLeaves } from '../decoder/index.js'
import { pathsBelow } from './paths.js'

/** What a model with changes of low rank knows of them beside its tree. */
export interface Adapter {
  /** The share of what goes into a change that is dropped while training. */
  readonly dropout: number
  /** Whether changes are scaled by alpha / √rank instead of alpha / rank. */
  readonly rankStabilized: boolean
  /** Paths of the tensors that are trained whole. */
  readonly trained: readonly string[]
}

/** A model whose linear layers may get changes of low rank: what `loadModel` gives. */
export interface Adaptable {
  readonly architecture: Architecture | undefined
  readonly config: Design | DecoderConfig
  readonly model: unknown
  readonly adapter?: Adapter | undefined
}

/** A model with changes of low rank. */
export type Adapted<L extends Adaptable> = L extends Adaptable
  ? Omit<L, 'model' | 'adapter'> & { readonly model: Quantized<L['model']>; readonly adapter: Adapter }
  : never

/** Linear layers by pattern, with a rank and alpha of their own where they have one. */
export type LowRankTarget =
  | string
  | { readonly pattern: string; readonly rank?: number | undefined; readonly alpha?: number | undefined }

/** Which layers change, and how much. */
export interface LowRankOptions {
  /**
   * Linear layers, by their paths in the tree: `blocks.*.attention.query`; `blocks.*.attention` for all
   * below it. `*` stands for any one part. The last target that names a layer decides its rank and alpha.
   */
  readonly targets: readonly LowRankTarget[]
  /** Columns of the narrow matrices. Default 8. */
  readonly rank?: number | undefined
  /** A change is multiplied by alpha / rank. Default 16. */
  readonly alpha?: number | undefined
  /** The share of what goes into a change that is dropped while training. Default 0. */
  readonly dropout?: number | undefined
  /**
   * Multiplies by alpha / √rank instead (Kalajdzievski 2023, "A Rank Stabilization Scaling Factor for
   * Fine-Tuning with LoRA"). Default false.
   */
  readonly rankStabilized?: boolean | undefined
  /** Layers that are trained whole, by their paths: `head`. Default none. */
  readonly trained?: readonly string[] | undefined
  /** For the matrices that begin at random. Default 0. */
  readonly seed?: number | undefined
}

const operation = 'withLowRank'
const optionNames = [
  'targets',
  'rank',
  'alpha',
  'dropout',
  'rankStabilized',
  'trained',
  'seed',
] as const satisfies (keyof LowRankOptions)[]
const largestRank = 2 ** 16

/**
 * A model whose linear layers have changes of low rank. They begin at 0: `up` is 0, and `down` is uniform
 * within ±1 / √(its inputs). Layers that files keep as one (query, key and value of GPT-2) share `down` where
 * they have one rank and alpha. Weights that don't change are shared with `loaded`.
 *
 * @throws UsageError where a pattern names nothing, or an option makes no sense
 */
export function withLowRank<L extends Adaptable>(loaded: L, options: LowRankOptions): Adapted<L> {
  checkNames(operation, options, optionNames)
  if (loaded.adapter !== undefined)
    throw new UsageError({
      operation,
      expected: 'a model without changes of low rank',
      found: 'one that has them',
      hint: 'merge them first, with mergeLowRank',
    })
  const { dropout = 0, rankStabilized = false, trained = [], seed = 0 } = options
  if (!Array.isArray(trained) || typeof rankStabilized !== 'boolean')
    throw new UsageError({
      operation,
      expected: 'trained as a list of patterns, rankStabilized as true or false',
      found: `${inWords(trained)}, ${inWords(rankStabilized)}`,
      hint: 'correct that option',
    })
  checkNumber('dropout', dropout, (value) => value >= 0 && value < 1, 'from 0 up to, but without, 1')
  const weights = leavesOf<ModelWeight>(loaded.model, isModelWeight)
  const bindings = bindingsOf(loaded)
  const ranks = ranksOf(options, linearPaths(weights, bindings))
  const whole = new Set(
    trained.flatMap((pattern: unknown) => pathsBelow(operation, 'tensors', pattern, [...weights.keys()])),
  )
  for (const path of whole)
    if (ranks.has(path))
      throw new UsageError({
        operation,
        expected: 'layers that either change by low rank or are trained whole',
        found: `'${path}' in both`,
        hint: 'name it in one of them',
      })
  const key = randomKey(seed, 'low rank')
  const table = new BindingTable(bindings)
  const shared = new Map<string, Tensor>()
  const model = mapTree<unknown, ModelWeight>(loaded.model, isModelWeight, (weight, path) => {
    if (whole.has(path)) return trainable(weight)
    const own = ranks.get(path)
    if (own === undefined || isLowRank(weight)) return weight
    const { rank, alpha } = own
    const { over = [], part, file } = table.at(path)!
    const shape = shapeOfWeight(weight)
    const inputs = Object.fromEntries(over.map((name) => [name, shape[name]!]))
    const outputs = Object.fromEntries(Object.entries(shape).filter(([name]) => !over.includes(name)))
    const limit = 1 / Math.sqrt(Object.values(inputs).reduce((product, size) => product * size, 1))
    const { device } = weight
    // Parts of one tensor of a file are one layer to those who read it.
    const place = part === undefined ? path : `${file} ${rank} ${alpha}`
    let down = shared.get(place)
    if (down === undefined)
      shared.set(
        place,
        (down = uniform(foldIn(key, path), { rank, ...inputs }, -limit, limit, { device }) as Tensor),
      )
    const up = zeros({ ...outputs, rank }, { device }) as Tensor
    return { base: weight, down, up, scale: scaleOf(alpha, rank, rankStabilized) }
  })
  const adapter: Adapter = {
    dropout,
    rankStabilized,
    trained: [...weights.keys()].filter((path) => whole.has(path)),
  }
  return changedModel(loaded, { model, adapter }) as Adapted<L>
}

/** What a change is multiplied by. */
export function scaleOf(alpha: number, rank: number, rankStabilized: boolean): number {
  return alpha / (rankStabilized ? Math.sqrt(rank) : rank)
}

/** The bindings of a model's leaves; heed's own decoders are spelled as Llama is. */
export function bindingsOf({ architecture, config }: Omit<Adaptable, 'model'>): Bindings {
  return architecture?.bindings(config as Design) ?? { leaves: llamaLeaves() }
}

/** The paths of a model's linear layers: of the weights of matrices that are no tables of embeddings. */
export function linearPaths(weights: ReadonlyMap<string, ModelWeight>, bindings: Bindings): string[] {
  const table = new BindingTable(bindings)
  return [...weights.keys()].filter((path) => isLinear(table.at(path)))
}

/** Whether products are made with a leaf, of a matrix that isn't looked up in. */
export function isLinear(binding: Binding | undefined): binding is Binding {
  return (
    binding?.over !== undefined &&
    binding.axes.length === 2 &&
    !/(^|\.)(embedding|table)\.weight$/.test(binding.path)
  )
}

/** A model as it was, with other weights. What it reads late, such as its tokenizer, it still reads late. */
export function changedModel<L extends object>(loaded: L, changes: object): L {
  return Object.create(Object.getPrototypeOf(loaded) as object, {
    ...Object.getOwnPropertyDescriptors(loaded),
    ...Object.getOwnPropertyDescriptors(changes),
  }) as L
}

/** A tensor of its own, in f32: training frees it. */
function trainable(weight: ModelWeight): ModelWeight {
  if (!isTensor(weight)) return plainWeight(weight)
  return weight.dtype === 'f32' ? (copy(weight, 'f32') as Tensor) : weight
}

interface Rank {
  readonly rank: number
  readonly alpha: number
}

function ranksOf(
  { targets, rank = 8, alpha = 16 }: LowRankOptions,
  paths: readonly string[],
): Map<string, Rank> {
  if (!Array.isArray(targets) || targets.length === 0)
    throw new UsageError({
      operation,
      expected: 'targets: patterns of linear layers',
      found: Array.isArray(targets) ? 'none' : typeof targets,
      hint: "write ['blocks.*.attention.query', 'blocks.*.attention.value']",
    })
  const ranks = new Map<string, Rank>()
  for (const target of targets as readonly LowRankTarget[]) {
    const own = typeof target === 'string' ? { pattern: target } : target
    checkNames(operation, own, ['pattern', 'rank', 'alpha'], 'a target')
    const made = { rank: own.rank ?? rank, alpha: own.alpha ?? alpha }
    checkNumber(
      'rank',
      made.rank,
      (value) => Number.isSafeInteger(value) && value >= 1 && value <= largestRank,
      `a whole number from 1 to ${largestRank}`,
    )
    checkNumber('alpha', made.alpha, (value) => value > 0 && value < Infinity, 'above 0')
    for (const path of pathsBelow(operation, 'linear layers', own.pattern, paths)) ranks.set(path, made)
  }
  return ranks
}

function checkNumber(name: string, value: unknown, fits: (value: number) => boolean, expected: string): void {
  if (typeof value === 'number' && fits(value)) return
  throw new UsageError({
    operation,
    expected: `${name} ${expected}`,
    found: String(value),
    hint: 'correct that option',
  })
}
