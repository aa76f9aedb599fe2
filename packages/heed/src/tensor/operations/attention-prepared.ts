import { BoundedMap } from '../../base/index.js'
import {
  type AttentionDefinition,
  attentionDefinition,
  type AttentionSizes,
  type Expression,
  keyOf,
  type Machine,
  type Plan,
  type StoredOperands,
} from '../../kernels/index.js'
import { physicalOrder } from '../layout.js'
import { type AttentionAxes, strideOf, type Walk } from './attention-axes.js'
import type { Traced } from './attention-function.js'
import { bindPositions, type Condition } from './attention-positions.js'
import type { Scalar } from './elementwise.js'

/** A traced definition made ready: plans are remembered by sizes. */
export class PreparedAttention {
  readonly definition: AttentionDefinition
  readonly #plans = new WeakMap<Machine, BoundedMap<string, unknown>>()

  constructor(definition: AttentionDefinition) {
    this.definition = definition
  }

  /** What `make` plans for these sizes, remembered under `kind`. */
  plan<P>(machine: Machine, kind: string, sizes: AttentionSizes, make: () => Plan<P>): Plan<P> {
    const key = `${kind} ${sizesKey(sizes)}`
    let plans = this.#plans.get(machine)
    if (plans === undefined) this.#plans.set(machine, (plans = new BoundedMap<string, unknown>(mostSizes)))
    let plan = plans.get(key) as Plan<P> | undefined
    if (plan === undefined) plans.set(key, (plan = make()))
    return plan
  }
}

/** So many definitions are kept, and of each plans for so many sizes. */
const [mostDefinitions, mostSizes] = [512, 64]
const prepared = new BoundedMap<string, PreparedAttention>(mostDefinitions)

function sizesKey({ batch, heads, kvHeads, queries, keys }: AttentionSizes): string {
  return `${batch} ${heads} ${kvHeads} ${queries} ${keys}`
}

/**
 * The definition that was traced, with the way through the batch axes, made ready once for all that are
 * equal.
 */
export function preparedAttention(
  { mask: masked, filter: filtered, roots, tensors, kinds }: Traced,
  axes: AttentionAxes & { readonly width: number; readonly valueWidth: number },
  way: Walk,
  sink: boolean,
  stored?: StoredOperands,
): PreparedAttention {
  const { width, valueWidth } = axes
  const bound = bindPositions(roots, axes, way, kinds.length)
  const [score, ...rest] = bound as readonly Expression[] as [Scalar, ...Expression[]]
  const mask = masked && (rest.shift() as Condition)
  const filter = filtered && (rest.shift() as Scalar)
  const parameters = [...kinds, ...way.given.map(() => 'integer' as const)]
  const captures = tensors.map((tensor) => {
    const order = physicalOrder(tensor)
    const last = order[order.length - 1]
    return {
      kind: tensor.dtype === 'f32' ? ('float' as const) : ('integer' as const),
      rank: order.length,
      contiguous: last !== undefined && strideOf(tensor, last) === 1,
    }
  })
  const operands = stored === undefined ? '' : Object.values(stored).join()
  const key = `${width} ${valueWidth} ${sink} ${operands} ${captures.map(({ kind, rank, contiguous }) => `${kind}${rank}${contiguous}`).join()} ${parameters.join()} ${keyOf(bound)}`
  let known = prepared.get(key)
  if (known === undefined) {
    known = new PreparedAttention(
      attentionDefinition({
        width,
        valueWidth,
        score,
        mask,
        filter,
        captures,
        parameters,
        sink,
        ...(stored && { stored }),
      }),
    )
    prepared.set(key, known)
  }
  return known
}
