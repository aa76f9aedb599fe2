import type { AttentionDefinition, AttentionSizes } from '../attention/index.js'
import { attentionBackward, attentionForward } from '../attention/index.js'
import type { Arena } from './arena.js'

export interface CaptureValues {
  readonly values: ArrayLike<number>
  readonly sizes: readonly number[]
  /** Broadcast axes have stride 0; left out: contiguous. */
  readonly strides?: readonly number[]
}

/** Inputs of one attention, contiguous: [batch head query width] and so on. */
export interface AttentionInputs {
  readonly query: ArrayLike<number>
  readonly key: ArrayLike<number>
  readonly value: ArrayLike<number>
  readonly sink?: ArrayLike<number>
  readonly captures?: readonly CaptureValues[]
  readonly parameters?: readonly number[]
}

export interface ForwardResult {
  readonly output: number[]
  readonly logSumExp: number[]
  readonly largest: number[]
  readonly inverseSum: number[]
  readonly entropy: number[]
  readonly largestWeight: number[]
  readonly largestKey: number[]
}

/**
 * Distances between batch and head in memory, to see that strides are minded: [batch row head width] where
 * `rowsFirst`.
 */
export function place(
  address: number,
  heads: number,
  rows: number,
  width: number,
  rowsFirst: boolean,
): { address: number; batch: number; head: number; row: number } {
  return rowsFirst
    ? { address, batch: rows * heads * width, head: width, row: heads * width }
    : { address, batch: heads * rows * width, head: rows * width, row: width }
}

/** [batch head row width] -> [batch row head width], or back with heads and rows exchanged. */
export function exchange(
  values: ArrayLike<number>,
  batch: number,
  heads: number,
  rows: number,
  width: number,
): number[] {
  const result: number[] = []
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < heads; h++) {
        for (let w = 0; w < width; w++) result.push(values[((b * heads + h) * rows + r) * width + w]!)
      }
    }
  }
  return result
}

export function contiguousStrides(sizes: readonly number[]): number[] {
  const strides = sizes.map(() => 1)
  for (let i = sizes.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * sizes[i + 1]!
  return strides
}

export function capturePlaces(
  arena: Arena,
  definition: AttentionDefinition,
  captures: readonly CaptureValues[],
): { address: number; strides: readonly number[]; sizes: readonly number[] }[] {
  return captures.map(({ values, sizes, strides = contiguousStrides(sizes) }, slot) => ({
    address: definition.captures[slot]!.kind === 'float' ? arena.floats(values) : arena.integers(values),
    strides,
    sizes,
  }))
}

/**
 * Runs the forward plan with statistics. `rowsFirst`: query, key, value and output lie as [batch row head
 * width].
 */
export function runForward(
  arena: Arena,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  inputs: AttentionInputs,
  { rowsFirst = false, statistics = true } = {},
): ForwardResult {
  arena.reset()
  const { batch, heads, kvHeads, queries, keys } = sizes
  const { width, valueWidth } = definition
  const put = (
    values: ArrayLike<number>,
    heads: number,
    rows: number,
    width: number,
  ): ReturnType<typeof place> =>
    place(
      arena.floats(rowsFirst ? exchange(values, batch, heads, rows, width) : values),
      heads,
      rows,
      width,
      rowsFirst,
    )
  const rows = batch * heads * queries
  const output = place(
    arena.allocate(rows * valueWidth * arena.floatBytes),
    heads,
    queries,
    valueWidth,
    rowsFirst,
  )
  const logSumExp = arena.allocate(rows * arena.floatBytes)
  const largest = arena.allocate(rows * arena.floatBytes)
  const inverseSum = arena.allocate(rows * arena.floatBytes)
  const entropy = arena.allocate(rows * arena.floatBytes)
  const largestWeight = arena.allocate(rows * arena.floatBytes)
  const largestKey = arena.allocate(rows * 4)
  const plan = attentionForward(arena.target.machine, definition, sizes, statistics)
  const workspace = arena.allocate(plan.workspaceBytes)
  arena.run(
    plan.launches(
      {
        query: put(inputs.query, heads, queries, width),
        key: put(inputs.key, kvHeads, keys, width),
        value: put(inputs.value, kvHeads, keys, valueWidth),
        output,
        largest,
        inverseSum,
        statistics: { logSumExp, entropy, largestWeight, largestKey },
        ...(inputs.sink === undefined ? {} : { sink: arena.floats(inputs.sink) }),
        captures: capturePlaces(arena, definition, inputs.captures ?? []),
        parameters: inputs.parameters ?? [],
      },
      workspace,
    ),
  )
  const found = arena.read(output.address, rows * valueWidth)
  return {
    output: rowsFirst ? exchange(found, batch, queries, heads, valueWidth) : found,
    logSumExp: arena.read(logSumExp, rows),
    largest: arena.read(largest, rows),
    inverseSum: arena.read(inverseSum, rows),
    entropy: arena.read(entropy, rows),
    largestWeight: arena.read(largestWeight, rows),
    largestKey: arena.readIntegers(largestKey, rows),
  }
}

export interface BackwardResult {
  readonly query: number[]
  readonly key: number[]
  readonly value: number[]
  readonly sink: number[]
  /** By slot; empty where there is none. */
  readonly captures: number[][]
}

/** Runs forward, then backward from `upstream` [batch head query valueWidth]. */
export function runBackward(
  arena: Arena,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  inputs: AttentionInputs,
  upstream: ArrayLike<number>,
  slots: readonly number[] = [],
  rowsFirst = false,
): BackwardResult {
  const forward = runForward(arena, definition, sizes, inputs, { rowsFirst, statistics: false })
  arena.reset()
  const { batch, heads, kvHeads, queries, keys } = sizes
  const { width, valueWidth } = definition
  const put = (
    values: ArrayLike<number>,
    heads: number,
    rows: number,
    width: number,
  ): ReturnType<typeof place> =>
    place(
      arena.floats(rowsFirst ? exchange(values, batch, heads, rows, width) : values),
      heads,
      rows,
      width,
      rowsFirst,
    )
  const room = (heads: number, rows: number, width: number): ReturnType<typeof place> =>
    place(arena.allocate(batch * heads * rows * width * arena.floatBytes), heads, rows, width, rowsFirst)
  const [queryGradient, keyGradient, valueGradient] = [
    room(heads, queries, width),
    room(kvHeads, keys, width),
    room(kvHeads, keys, valueWidth),
  ]
  const captures = inputs.captures ?? []
  const captureGradients = captures.map(({ sizes, values }, slot) =>
    slots.includes(slot)
      ? { address: arena.floats(new Float64Array(values.length)), sizes, strides: contiguousStrides(sizes) }
      : undefined,
  )
  const sinkGradient = inputs.sink === undefined ? undefined : arena.allocate(heads * arena.floatBytes)
  const plan = attentionBackward(arena.target.machine, definition, sizes, slots, arena.limit)
  const workspace = arena.allocate(plan.workspaceBytes)
  arena.run(
    plan.launches(
      {
        query: put(inputs.query, heads, queries, width),
        key: put(inputs.key, kvHeads, keys, width),
        value: put(inputs.value, kvHeads, keys, valueWidth),
        output: put(forward.output, heads, queries, valueWidth),
        largest: arena.floats(forward.largest),
        inverseSum: arena.floats(forward.inverseSum),
        upstream: put(upstream, heads, queries, valueWidth),
        queryGradient,
        keyGradient,
        valueGradient,
        captureGradients,
        ...(inputs.sink === undefined ? {} : { sink: arena.floats(inputs.sink) }),
        ...(sinkGradient === undefined ? {} : { sinkGradient }),
        captures: capturePlaces(arena, definition, captures),
        parameters: inputs.parameters ?? [],
      },
      workspace,
    ),
  )
  const get = ({ address }: { address: number }, heads: number, rows: number, width: number): number[] => {
    const values = arena.read(address, batch * heads * rows * width)
    return rowsFirst ? exchange(values, batch, rows, heads, width) : values
  }
  return {
    query: get(queryGradient, heads, queries, width),
    key: get(keyGradient, kvHeads, keys, width),
    value: get(valueGradient, kvHeads, keys, valueWidth),
    sink: sinkGradient === undefined ? [] : arena.read(sinkGradient, heads),
    captures: captureGradients.map((gradient, slot) =>
      gradient === undefined ? [] : arena.read(gradient.address, captures[slot]!.values.length),
    ),
  }
}
