import { inWords, type Shape, ShapeError, UsageError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import {
  type BlockFormat,
  blockFormats,
  blockSize,
  packedShape,
  planPackBlocks,
} from '../../kernels/index.js'
import { currentDevice } from '../context.js'
import { QuantizedWeights } from '../quantized-weights.js'
import { allOrNothing } from '../scope.js'
import { Storage } from '../storage.js'
import { quantizedOperations } from './quantized.js'

/** Bytes of a file's weights, in memory or read as they are asked for. */
export interface BlockBytes {
  readonly length: number
  /** Bytes `begin` … `end` − 1. */
  slice(begin: number, end: number): Uint8Array
}

/** Which rows of the file are taken, and where the packed weights are to be. */
export interface QuantizedFromOptions {
  /**
   * Which of the file's rows each position of the other axes has, in their order: for files that keep rows in
   * an order of their own. Default: as they are.
   */
  readonly rows?: Int32Array | undefined
  /** Where; default the current device. */
  readonly device?: Device | undefined
}

/** Bytes of a file that are in the heap at a time, beside the packed weights. */
const mostAtOnce = 2 ** 22

/**
 * Weights as a GGUF file has them, for products that sum over the axes in `over`, without making them f32:
 * they stand for the same numbers, bit for bit (`dequantize` gives them), and take about as many bytes as in
 * the file. Q2_K and Q3_K take 4 bits each, IQ4_NL and IQ4_XS 8.
 *
 * The other operand of a product is rounded to 8 bits, with a scale for each 32 numbers (16 with Q2_K, Q3_K
 * and Q6_K). With F16 and BF16 it is not rounded. Sums of whole numbers are exact.
 *
 * @param blocks the bytes of all rows, one behind the other. A row is a position of the axes that are not in
 * `over`, in the order of `shape`; its numbers are in the order of `over`, the outermost first
 * @throws ShapeError if the weights lack an axis of `over`, a row is no whole number of blocks, or there are
 * more or fewer bytes
 * @throws UsageError for an unknown format, and for `rows` that aren't one of the file's for each position
 */
export function quantizedFrom<A extends string>(
  format: BlockFormat,
  blocks: Uint8Array | BlockBytes,
  shape: Shape<A>,
  over: NoInfer<A> | readonly NoInfer<A>[],
  { rows, device = currentDevice() }: QuantizedFromOptions = {},
): QuantizedWeights<A> {
  const summed: readonly A[] = typeof over === 'string' ? [over] : [...new Set(over)]
  const [columns, depth] = checkSizes(format, blocks.length, shape, summed)
  if (rows !== undefined) checkRows(rows, columns)
  return allOrNothing(() => {
    const { machine } = device.target
    const { weights, bytes } = blockSize(format)
    const rowBytes = (depth / weights) * bytes
    const made = new QuantizedWeights<A>(
      new Storage(device, 'u8', packedShape(format, machine, columns, depth).bytes),
      format,
      { ...shape },
      summed,
      quantizedOperations,
    )
    const { lanes } = machine
    const step = Math.max(1, Math.floor(mostAtOnce / rowBytes / lanes)) * lanes
    const source = device.heap.allocate(Math.min(step, columns) * rowBytes)
    try {
      for (let first = 0; first < columns; first += step) {
        const count = Math.min(step, columns - first)
        place(device.heap.u8.subarray(source, source + count * rowBytes), blocks, rows, first, rowBytes)
        for (const launch of planPackBlocks({ ...made.packed, format }, source, first, count))
          device.launch(launch.kernel, launch.parameters, launch.tasks)
      }
    } finally {
      device.heap.free(source)
    }
    return made
  })
}

/** Copies rows from `first` on, as many as there is room for. */
function place(
  target: Uint8Array,
  blocks: Uint8Array | BlockBytes,
  rows: Int32Array | undefined,
  first: number,
  rowBytes: number,
): void {
  const bytes = (begin: number, end: number): Uint8Array =>
    blocks instanceof Uint8Array ? blocks.subarray(begin, end) : blocks.slice(begin, end)
  if (rows === undefined) {
    target.set(bytes(first * rowBytes, first * rowBytes + target.length))
    return
  }
  // Runs of the file's rows are read at once.
  const end = first + target.length / rowBytes
  for (let row = first; row < end;) {
    const from = rows[row]!
    let count = 1
    while (row + count < end && rows[row + count] === from + count) count++
    target.set(bytes(from * rowBytes, (from + count) * rowBytes), (row - first) * rowBytes)
    row += count
  }
}

function checkSizes<A extends string>(
  format: BlockFormat,
  length: number,
  shape: Shape<A>,
  summed: readonly A[],
): readonly [columns: number, depth: number] {
  const operation = 'quantizedFrom'
  if (!blockFormats.includes(format))
    throw new UsageError({
      operation,
      expected: blockFormats.join(', '),
      found: inWords(format),
      hint: 'read the weights as f32, and quantize them',
    })
  for (const name of summed)
    if (!Object.hasOwn(shape, name))
      throw new ShapeError({
        operation,
        axis: name,
        expected: `an axis '${name}' to sum over`,
        found: Object.keys(shape).join(', '),
        hint: 'name axes of the shape in over',
      })
  const names = Object.keys(shape) as A[]
  const product = (some: readonly A[]): number => some.reduce((count, name) => count * shape[name], 1)
  const depth = product(summed)
  const columns = product(names.filter((name) => !summed.includes(name)))
  const { weights, bytes } = blockSize(format)
  const text = names.map((name) => `${name} ${shape[name]}`).join(', ')
  if (!(depth * columns > 0) || summed.length === 0 || depth % weights !== 0)
    throw new ShapeError({
      operation,
      expected: `rows of a multiple of ${weights} numbers, as blocks of ${format} have them`,
      found: `${text}, summed over ${summed.join(', ') || 'nothing'}`,
      hint: 'check which axes are summed over',
    })
  const expected = ((columns * depth) / weights) * bytes
  if (length !== expected)
    throw new ShapeError({
      operation,
      expected: `${expected} bytes for ${format} ${text}`,
      found: `${length}`,
      hint: 'check the sizes',
    })
  return [columns, depth]
}

function checkRows(rows: Int32Array, columns: number): void {
  const faulty = rows.find((row) => !(row >= 0 && row < columns))
  if (rows.length === columns && faulty === undefined) return
  throw new UsageError({
    operation: 'quantizedFrom',
    expected: `${columns} rows from 0 to ${columns - 1}`,
    found: faulty === undefined ? `${rows.length} rows` : `row ${faulty}`,
    hint: "give the number of the file's row for each position",
  })
}
