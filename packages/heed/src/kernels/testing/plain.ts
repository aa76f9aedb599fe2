import type { AttentionDefinition, AttentionSizes } from '../attention/index.js'
import type { AttentionInputs, ForwardResult } from './attention.js'
import { contiguousStrides } from './attention.js'
import { evaluate, type Numbers } from './evaluate.js'

/** The plain definition: one loop for each axis, the whole filter row at a time, in f64. */
export function plainAttention(
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  inputs: AttentionInputs,
): Omit<ForwardResult, 'largest' | 'inverseSum'> {
  const { width, valueWidth, score, mask } = definition
  const { batch, heads, kvHeads, queries, keys } = sizes
  const result: ReturnType<typeof plainAttention> = {
    output: [],
    logSumExp: [],
    entropy: [],
    largestWeight: [],
    largestKey: [],
  }
  const { query, key, value } = inputs
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const kv = b * kvHeads + Math.floor(h / (heads / kvHeads))
      for (let i = 0; i < queries; i++) {
        const scores: number[] = []
        const places: Numbers[] = []
        for (let j = 0; j < keys; j++) {
          let product = 0
          for (let w = 0; w < width; w++)
            product += query[((b * heads + h) * queries + i) * width + w]! * key[(kv * keys + j) * width + w]!
          const leaves = leavesAt(
            inputs,
            { batch: b, head: h, queryRow: i, query: i + keys - queries, key: j },
            product,
          )
          places.push(leaves)
          scores.push(mask === undefined || evaluate(mask, leaves) ? evaluate(score, leaves) : -Infinity)
        }
        const sink = definition.sink ? [inputs.sink![h]!] : []
        const largest = Math.max(...scores, ...sink)
        const terms = scores.map((s) => (s === -Infinity ? 0 : Math.exp(s - largest)))
        const total = terms.reduce((a, t) => a + t, 0) + sink.reduce((a, s) => a + Math.exp(s - largest), 0)
        const filter = terms.map((t) => (t === 0 ? 0 : t / total))
        const filtered = filter.map((f, j) =>
          definition.filter === undefined
            ? f
            : scores[j] === -Infinity
              ? 0
              : evaluate(definition.filter, { ...places[j]!, input: () => f }),
        )
        for (let w = 0; w < valueWidth; w++)
          result.output.push(
            filtered.reduce((a, f, j) => a + f * value[(kv * keys + j) * valueWidth + w]!, 0),
          )
        result.logSumExp.push(total === 0 ? -Infinity : largest + Math.log(total))
        result.entropy.push(filter.reduce((a, f) => (f === 0 ? a : a - f * Math.log(f)), 0))
        const top = Math.max(...filter)
        result.largestWeight.push(top)
        result.largestKey.push(scores.every((s) => s === -Infinity) ? -1 : filter.indexOf(top))
      }
    }
  }
  return result
}

/** Where one query row may see a key. */
export interface PairPlace {
  readonly batch: number
  readonly head: number
  readonly row: number
  readonly key: number
}

/** Whether a query row may see a key. */
export function mayAttend(
  { mask }: AttentionDefinition,
  { keys, queries }: AttentionSizes,
  inputs: AttentionInputs,
  { batch, head, row, key }: PairPlace,
): boolean {
  if (mask === undefined) return true
  const position = { batch, head, queryRow: row, query: row + keys - queries, key }
  return evaluate(mask, leavesAt(inputs, position, 0)) !== 0
}

function leavesAt(
  inputs: AttentionInputs,
  position: Readonly<Record<string, number>>,
  product: number,
): Numbers {
  return {
    input: () => product,
    index: (axis) => position[axis]!,
    parameter: (slot) => inputs.parameters![slot]!,
    capture: (slot, indices) => {
      const { values, sizes, strides = contiguousStrides(sizes) } = inputs.captures![slot]!
      return values[
        indices.reduce((sum, i, axis) => sum + Math.max(0, Math.min(sizes[axis]! - 1, i)) * strides[axis]!, 0)
      ]!
    },
  }
}
