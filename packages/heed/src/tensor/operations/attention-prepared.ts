import { ShapeError } from '../../base/index.js'
import {
  type AttentionDefinition,
  attentionDefinition,
  type AttentionSizes,
  keyOf,
  type Machine,
  nodesOf,
  type Plan,
} from '../../kernels/index.js'
import { physicalOrder } from '../layout.js'
import type { AnyTensor } from '../tensor.js'
import { type AttentionAxes, strideOf } from './attention-axes.js'
import type { Traced } from './attention-function.js'

/** A traced definition made ready: plans are remembered by sizes. */
export class PreparedAttention {
  readonly definition: AttentionDefinition
  /** Whether score or mask ask for the position along 'batch'. */
  readonly batchNamed: boolean
  readonly #reads: readonly { readonly slot: number; readonly axis: number; readonly along: string }[]
  readonly #plans = new WeakMap<Machine, Map<string, unknown>>()

  constructor(definition: AttentionDefinition) {
    this.definition = definition
    const nodes = nodesOf(definition.roots)
    this.batchNamed = nodes.some(({ operation, value }) => operation === 'index' && value === 'batch')
    this.#reads = nodes
      .filter(({ operation }) => operation === 'capture')
      .flatMap(({ value, operands }) =>
        operands.flatMap((operand, axis) =>
          operand.operation === 'index' && operand.value !== 'query'
            ? [{ slot: value as number, axis, along: operand.value as string }]
            : [],
        ),
      )
  }

  /** What `make` plans for these sizes, remembered under `kind`. */
  plan<P>(machine: Machine, kind: string, sizes: AttentionSizes, make: () => Plan<P>): Plan<P> {
    const key = `${kind} ${sizesKey(sizes)}`
    let plans = this.#plans.get(machine)
    if (plans === undefined) this.#plans.set(machine, (plans = new Map()))
    let plan = plans.get(key) as Plan<P> | undefined
    if (plan === undefined) {
      if (plans.size >= remembered) plans.clear()
      plans.set(key, (plan = make()))
    }
    return plan
  }

  /** Sees to it that captured tensors are as long as the axes they are read along. */
  check(operation: string, captured: readonly AnyTensor[], axes: AttentionAxes): void {
    const lengths: Readonly<Record<string, number>> = {
      batch: axes.batch.find(({ name }) => name === 'batch')?.size ?? 1,
      head: axes.heads,
      queryRow: axes.queries,
      key: axes.keys,
    }
    for (const { slot, axis, along } of this.#reads) {
      const tensor = captured[slot]!
      const name = physicalOrder(tensor)[axis]!
      const { size } = tensor.layout.find((other) => other.name === name)!
      if (size >= lengths[along]!) continue
      throw new ShapeError({
        operation,
        axis: name,
        expected: `axis '${name}' of a captured tensor of size ${lengths[along]}, as it is read along '${along}'`,
        found: String(size),
        hint: 'write 0 as its index where it is the same for all',
      })
    }
  }
}

/** How many definitions, and plans of each, are kept. */
const remembered = 512
const prepared = new Map<string, PreparedAttention>()

function sizesKey({ batch, heads, kvHeads, queries, keys }: AttentionSizes): string {
  return `${batch} ${heads} ${kvHeads} ${queries} ${keys}`
}

/** The definition that was traced, made ready once for all traces that are equal. */
export function preparedAttention(
  { score, mask, roots, tensors, kinds }: Traced,
  { width, valueWidth }: { readonly width: number; readonly valueWidth: number },
  sink: boolean,
): PreparedAttention {
  const captures = tensors.map((tensor) => {
    const order = physicalOrder(tensor)
    const last = order[order.length - 1]
    return {
      kind: tensor.dtype === 'f32' ? ('float' as const) : ('integer' as const),
      rank: order.length,
      contiguous: last !== undefined && strideOf(tensor, last) === 1,
    }
  })
  const key = `${width} ${valueWidth} ${sink} ${captures.map(({ kind, rank, contiguous }) => `${kind}${rank}${contiguous}`).join()} ${kinds.join()} ${keyOf(roots)}`
  let known = prepared.get(key)
  if (known === undefined) {
    if (prepared.size >= remembered) prepared.clear()
    known = new PreparedAttention(
      attentionDefinition({ width, valueWidth, score, mask, captures, parameters: kinds, sink }),
    )
    prepared.set(key, known)
  }
  return known
}
