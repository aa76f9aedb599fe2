import { DtypeError, type Dtype, f32ArrayToBf16, f32ArrayToF16, inWords } from '../base/index.js'
import type { Values } from './values.js'

// How numbers come into a tensor: as they are, rounded where the dtype is a float of fewer bits, and never as
// another number.

/**
 * What typed arrays are called, and what a tensor made of one stores where nobody asks for something else.
 */
const own: Readonly<Record<string, Dtype>> = {
  Float32Array: 'f32',
  Float64Array: 'f32',
  Float16Array: 'f16',
  Int8Array: 'i8',
  Uint8Array: 'u8',
  Uint8ClampedArray: 'u8',
  Int16Array: 'i32',
  Uint16Array: 'i32',
  Int32Array: 'i32',
  Uint32Array: 'i32',
}
const bytes = ['Int8Array', 'Uint8Array', 'Uint8ClampedArray']
const shorts = [...bytes, 'Int16Array', 'Uint16Array']
const floats = ['Float32Array', 'Float16Array', ...shorts, 'Int32Array', 'Uint32Array']

interface Range {
  /** Typed arrays all of whose numbers fit. For f16 and bf16 the numbers of a Uint16Array are bits. */
  readonly holds: ReadonlySet<string>
  /** Numbers from here … */
  readonly least: number
  /** … to here; of floats those below it in size, and those that are not finite. */
  readonly most: number
  readonly whole: boolean
}
/** What is rounded to 2¹²⁸ or 2¹⁶ is no finite number any more. */
const float = (holds: readonly string[], most: number): Range => ({
  holds: new Set(holds),
  least: -most,
  most,
  whole: false,
})
const integer = (holds: readonly string[], least: number, most: number): Range => ({
  holds: new Set(holds),
  least,
  most,
  whole: true,
})
const ranges: Readonly<Record<Dtype, Range>> = {
  f32: float(floats, 2 ** 128 - 2 ** 103),
  f64: float([...floats, 'Float64Array'], Infinity),
  f16: float([...bytes, 'Float16Array', 'Uint16Array'], 65520),
  bf16: float([...shorts, 'Float16Array', 'Int32Array', 'Uint32Array'], 2 ** 128 - 2 ** 119),
  i32: integer([...shorts, 'Int32Array'], -(2 ** 31), 2 ** 31 - 1),
  u8: integer(['Uint8Array', 'Uint8ClampedArray'], 0, 255),
  i8: integer(['Int8Array'], -128, 127),
}

/** The dtype that numbers have of their own: a typed array's, else f32. */
export function dtypeOf(numbers: unknown): Dtype {
  return own[arrayName(numbers) ?? ''] ?? 'f32'
}

/**
 * Writes numbers into the elements of a tensor of this dtype (`f64` where f32 is stored in 64 bits);
 * `describe` says where number i belongs.
 *
 * @throws DtypeError for what is no number, and for a number that the dtype does not hold
 */
export function writeNumbers(
  operation: string,
  target: Values,
  dtype: Dtype,
  numbers: ArrayLike<number>,
  describe: (i: number) => string,
): void {
  const { holds, least, most, whole } = ranges[dtype]
  const name = arrayName(numbers)
  const half = dtype === 'f16' || dtype === 'bf16'
  const known = name !== undefined && holds.has(name)
  if (known && (!half || name === 'Uint16Array')) return target.set(numbers)
  const rounded = half ? new Float32Array(numbers.length) : target
  if (known) rounded.set(numbers)
  else
    for (let i = 0; i < rounded.length; i++) {
      const value: unknown = numbers[i]
      const fits =
        typeof value === 'number' &&
        (whole
          ? value >= least && value <= most && Math.trunc(value) === value
          : (value > least && value < most) || !Number.isFinite(value))
      if (!fits) throw refused(operation, dtype, value, describe(i))
      rounded[i] = value
    }
  if (half)
    target.set(
      dtype === 'f16' ? f32ArrayToF16(rounded as Float32Array) : f32ArrayToBf16(rounded as Float32Array),
    )
}

function refused(operation: string, dtype: Dtype, value: unknown, where: string): DtypeError {
  const { least, most, whole } = ranges[dtype]
  const number = typeof value === 'number'
  return new DtypeError({
    operation,
    expected: whole
      ? `whole numbers from ${least} to ${most}, which ${dtype} stores`
      : `numbers below ${most} in size, NaN or infinities, which ${dtype} stores`,
    found: `${inWords(value)}${where === '' ? '' : ` at ${where}`}`,
    hint: number
      ? whole
        ? 'round or clamp them first, or store them as f32'
        : 'scale them, or store them as a dtype of a larger range'
      : Array.isArray(value)
        ? 'give one flat list: data.flat(Infinity)'
        : 'convert them to numbers first',
  })
}

/** @throws DtypeError unless it is a list of something */
export function checkNumbers(operation: string, numbers: unknown): void {
  const name = arrayName(numbers)
  const list =
    typeof numbers === 'object' &&
    numbers !== null &&
    Number.isSafeInteger((numbers as ArrayLike<unknown>).length)
  if (list && name !== 'BigInt64Array' && name !== 'BigUint64Array') return
  throw new DtypeError({
    operation,
    expected: 'numbers: an array or a typed array of them, or one number',
    found: name ?? inWords(numbers),
    hint: list
      ? 'there is no dtype of 64-bit integers: convert them, Int32Array.from(data, Number)'
      : 'give the numbers in one flat list, row-major in the order of the shape',
  })
}

/** What a typed array is called. */
function arrayName(value: unknown): string | undefined {
  return ArrayBuffer.isView(value)
    ? (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]
    : undefined
}
