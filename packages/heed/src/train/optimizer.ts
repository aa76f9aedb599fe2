import { leavesOf, mapTree, ShapeError, UsageError } from '../base/index.js'
import { float } from '../kernels/index.js'
import type { Gradient } from '../autograd/index.js'
import { type AnyTensor, isTensor, mapMany, type Scalar, type Tensor } from '../tensor/index.js'

/**
 * A tree of the model's form with what an optimizer remembers of each weight; null where it remembers nothing
 * (integer tensors, or a slot that is of no use to that weight).
 */
export type Moments<M> = M extends AnyTensor
  ? Tensor | null
  : M extends object
    ? { readonly [K in keyof M]: Moments<M[K]> }
    : M

/** What an optimizer carries from step to step: saved in checkpoints, freed with `dispose(state)`. */
export interface OptimizerState<M> {
  /** How many updates were made. */
  readonly step: number
  /** By name: `first` and `second` moment, `momentum`, … */
  readonly moments: Readonly<Record<string, Moments<M>>>
}

/**
 * What one update of an optimizer is told. `Trainer` fills it in; a loop of your own gives at least the rate.
 */
export interface UpdateOptions {
  /** The learning rate of this step, from a `Schedule`. */
  readonly rate: number
  /**
   * The gradient is multiplied by it inside the same pass: the factor that clips (`clipFactor`), one over the
   * number of micro-batches, or both. Default 1.
   */
  readonly gradientScale?: number
  /**
   * Frees each tensor of the model, the gradient and the state as soon as its successor stands, so that a
   * step takes the memory of one tensor more and not of a second model. The old trees are of no use
   * afterwards. Default false.
   */
  readonly free?: boolean
}

/** What an optimizer's update gives: the new model and the new state. */
export interface Updated<M> {
  readonly model: M
  readonly state: OptimizerState<M>
}

/**
 * A pure function from weights, gradient and state to new weights and state, tensor by tensor. Weights are
 * the f32 tensors of the model; tensors of other dtypes stay as they are. A tensor that stands at several
 * paths (tied weights) is updated once and stays tied.
 */
export interface Optimizer {
  readonly name: string
  /** The options it was made with, as plain data: a checkpoint keeps them. */
  readonly options: Readonly<Record<string, number | boolean>>
  /** The state before the first step: zeros. */
  init<M>(model: M): OptimizerState<M>
  /**
   * One step. The gradient is that of `valueAndGrad`: a tree of the model's type.
   *
   * @throws UsageError where the trees differ in form, or the state is another optimizer's
   * @throws ShapeError where a gradient has other axes or sizes than its weight
   */
  update<M>(
    model: M,
    gradient: Gradient<NoInfer<M>>,
    state: OptimizerState<M>,
    options: UpdateOptions,
  ): Updated<M>
}

/** Whether weight decay acts on the weight at this path, or with which number. */
export type Decayed = (path: string, weight: Tensor) => boolean | number

/** Weight decay, and which weights it is for. */
export interface DecayOptions {
  /** Weight decay. Default 0. */
  readonly decay?: number
  /**
   * Which weights decay; default all of them. `matricesDecay` is what most transformers are trained with. A
   * number is a decay of that weight's own.
   */
  readonly decayed?: Decayed
  /** What the rate of a weight is multiplied by. Default 1. */
  readonly rateFactor?: (path: string, weight: Tensor) => number
}

/** The names of `DecayOptions`. */
export const decayOptionNames: readonly ['decay', 'decayed', 'rateFactor'] = [
  'decay',
  'decayed',
  'rateFactor',
]

/**
 * Decays matrices, and leaves biases, gains of norms and single numbers alone. A matrix is a tensor with two
 * axes or more whose path does not end in `bias`, and which isn't a norm's. (A bias of query, key or value
 * and the gain of a norm of queries may have the axes head and headWidth, so axes alone don't tell.)
 */
export const matricesDecay: Decayed = (path, weight) =>
  weight.layout.length >= 2 && !/(^|\.)\w*bias$|norm\.\w+$/i.test(path)

/** One weight with its gradient and moments, while it is updated. */
export interface Weight {
  readonly path: string
  readonly weight: Tensor
  readonly gradient: Tensor
  /** By slot, in the order of the optimizer's slots. */
  readonly moments: readonly (Tensor | null)[]
  /** Updates made once this one is done: 1 in the first step. */
  readonly step: number
  readonly rate: number
  readonly gradientScale: number
  /** The decay of this weight: 0 where it does not decay. */
  readonly decay: number
}

/** What one optimizer says for each weight. */
export interface Rule {
  readonly name: string
  readonly options: Readonly<Record<string, number | boolean>>
  readonly slots: readonly string[]
  readonly decay: DecayOptions
  /** What stands in each slot before the first step; default zeros like the weight. */
  readonly start?: (weight: Tensor) => readonly (Tensor | null)[]
  /** The new weight, and after it the new moments. */
  readonly update: (weight: Weight) => readonly (Tensor | null)[]
}

const zero: Scalar = float(0)

/** Zeros with the axes, the sizes and the order in memory of another tensor. */
export function zerosLike(model: Tensor): Tensor {
  return mapMany('zeros', [zero], [model])[0]!
}

/**
 * An update that is one elementwise pass: expressions of weight (input 0), gradient (1) and moments (2 …).
 */
export function fusedUpdate(
  operation: string,
  expressions: readonly Scalar[],
  { weight, gradient, moments }: Weight,
  parameters: readonly number[],
): Tensor[] {
  return mapMany(operation, expressions, [weight, gradient, ...(moments as Tensor[])], parameters)
}

/** An optimizer from what it does to one weight. */
export function optimizerOf(rule: Rule): Optimizer {
  const { name, options, slots } = rule
  const start = rule.start ?? ((weight: Tensor) => slots.map(() => zerosLike(weight)))
  return {
    name,
    options,
    init: <M>(model: M) => {
      const found = new Map<Tensor, readonly (Tensor | null)[]>()
      for (const weight of leavesOf(model, isTensor).values()) {
        if (weight.dtype === 'f32' && !found.has(weight)) found.set(weight, start(weight))
      }
      return { step: 0, moments: momentTrees(model, slots, found) }
    },
    update: <M>(model: M, gradient: Gradient<M>, state: OptimizerState<M>, update: UpdateOptions) => {
      // From JavaScript the last argument may be missing: then it is the rate that is.
      const {
        rate,
        gradientScale = 1,
        free = false,
      } = ((update as UpdateOptions | undefined) ?? {}) as UpdateOptions
      checkRate(name, rate)
      const step = state.step + 1
      const gradients = leavesOf(gradient, isTensor)
      const moments = slots.map((slot) => leavesOf(momentsOf(name, state, slot), isTensor))
      const weights = new Map<Tensor, Tensor>()
      const remembered = new Map<Tensor, readonly (Tensor | null)[]>()
      for (const [path, weight] of leavesOf(model, isTensor)) {
        const own = gradients.get(path)
        if (weight.dtype !== 'f32') {
          if (free && own !== weight) own?.dispose()
          continue
        }
        if (weights.has(weight)) continue
        checkGradientOf(name, path, weight, own)
        const before = moments.map((tree) => tree.get(path) ?? null)
        const { decay = 0, decayed, rateFactor } = rule.decay
        const acts = decayed?.(path, weight) ?? true
        const [after, ...next] = rule.update({
          path,
          weight,
          gradient: own,
          moments: before,
          step,
          rate: rateFactor === undefined ? rate : rate * rateFactor(path, weight),
          gradientScale,
          decay: typeof acts === 'number' ? acts : acts ? decay : 0,
        })
        weights.set(weight, after!)
        remembered.set(weight, next)
        if (free) {
          // The gradient of a tied weight stands at several paths, and is looked up only at the first.
          own.dispose()
          for (const moment of before) moment?.dispose()
          weight.dispose()
        }
      }
      const trees = momentTrees(model, slots, remembered)
      return {
        model: mapTree(model, isTensor, (leaf: Tensor) => weights.get(leaf) ?? leaf),
        state: { step, moments: trees },
      }
    },
  }
}

function momentTrees<M>(
  model: M,
  slots: readonly string[],
  found: ReadonlyMap<Tensor, readonly (Tensor | null)[]>,
): Record<string, Moments<M>> {
  return Object.fromEntries(
    slots.map((slot, i) => [
      slot,
      mapTree<M, Tensor>(
        model,
        isTensor,
        (leaf) => (found.get(leaf)?.[i] ?? null) as Tensor,
      ) as unknown as Moments<M>,
    ]),
  )
}

function momentsOf<M>(operation: string, state: OptimizerState<M>, slot: string): Moments<M> {
  const tree = state.moments[slot]
  if (tree === undefined) {
    throw new UsageError({
      operation,
      expected: `a state with '${slot}'`,
      found: `one with ${Object.keys(state.moments).join(', ') || 'nothing'}`,
      hint: `give the state that ${operation}'s own init or update returned`,
    })
  }
  return tree
}

function checkRate(operation: string, rate: number): void {
  if (!Number.isFinite(rate) || rate < 0) {
    throw new UsageError({
      operation,
      expected: 'a rate that is a number of at least 0',
      found: String(rate),
      hint: 'check the schedule',
    })
  }
}

function checkGradientOf(
  operation: string,
  path: string,
  weight: Tensor,
  gradient: Tensor | undefined,
): asserts gradient is Tensor {
  if (gradient === undefined) {
    throw new UsageError({
      operation,
      expected: `a gradient at '${path}'`,
      found: 'none',
      hint: 'give the tree that valueAndGrad made for this model',
    })
  }
  const fits =
    gradient.layout.length === weight.layout.length &&
    weight.layout.every(({ name, size }) =>
      gradient.layout.some((axis) => axis.name === name && axis.size === size),
    )
  if (!fits) {
    throw new ShapeError({
      operation,
      expected: `the gradient at '${path}' to be ${weight.describe()}`,
      found: gradient.describe(),
      hint: 'give the tree that valueAndGrad made for this model',
    })
  }
}

/** @throws UsageError unless low ≤ value ≤ high (below high where `open`) */
export function checkOption(
  operation: string,
  option: string,
  value: number,
  low: number,
  high: number = Infinity,
  open: boolean = false,
): void {
  if (!(value >= low && (open ? value < high : value <= high)) || !Number.isFinite(value)) {
    throw new UsageError({
      operation,
      expected: `${option} of at least ${low}${high === Infinity ? '' : ` and ${open ? 'below' : 'at most'} ${high}`}`,
      found: String(value),
      hint: 'correct that option',
    })
  }
}
