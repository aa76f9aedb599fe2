import { checkPositive, checkWhole, UsageError } from '../base/index.js'
import {
  axisOf,
  gather,
  rotate,
  type RotaryPairs,
  type AnyTensor,
  type Tensor,
  tensor,
} from '../tensor/index.js'
import { type PositionNumbers, positionsFrom } from './position.js'

/**
 * How the angles of rotary positions are stretched, so that a model that was trained on short texts works
 * beyond them. It must be what the model was trained or adapted with.
 */
export type RotaryScaling =
  /**
   * Positions divided by `factor` (Chen et al. 2023, "Extending Context Window … via Positional
   * Interpolation").
   */
  | { readonly type: 'linear'; readonly factor: number }
  /**
   * A base that is larger by factor^(width / (width − 2)). The slowest pair turns `factor` times slower, and
   * the fastest as before ("NTK-aware"; Peng et al. 2023, section 3.1).
   */
  | { readonly type: 'ntk'; readonly factor: number }
  /**
   * The same only for texts longer than `trained`, and more the longer they are (dynamic NTK). `length`: of
   * the longest text, in positions.
   */
  | {
      readonly type: 'dynamic'
      readonly factor: number
      readonly trained: number
      readonly length: number
    }
  /**
   * Slow turns divided, fast ones kept, a ramp between; cosines and sines larger (Peng et al. 2023, "YaRN",
   * sections 3.2 to 3.4).
   */
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly trained: number
      /** Pairs that turn more often than this within `trained` positions are kept; default 32. */
      readonly fast?: number
      /** Pairs that turn less often than this are divided by the factor; default 1. */
      readonly slow?: number
      /** What cosines and sines are multiplied by; default 0.1 ln(factor) + 1. */
      readonly magnitude?: number
    }
  /** Long waves divided by `factor`, short ones kept, a mixture between (Llama 3.1). */
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly trained: number
      /** Waves longer than trained / low are divided by the factor. */
      readonly low: number
      /** Waves shorter than trained / high are kept. */
      readonly high: number
    }
  /**
   * Each pair slower by a factor of its own: `short` ones, and in texts longer than `trained` `long` ones
   * (Ding et al. 2024, "LongRoPE", section 3; Phi-3). `length`: of the longest text, in positions.
   */
  | {
      readonly type: 'longrope'
      readonly short: readonly number[]
      readonly long: readonly number[]
      readonly trained: number
      readonly length: number
      /** What cosines and sines are multiplied by; default 1. */
      readonly magnitude?: number
    }

/**
 * Which entries rotary positions turn, and how fast (Su et al. 2021). They must be those that the weights
 * were trained with.
 */
export interface RotaryOptions {
  /** How many entries of each head are turned; an even number. The others stay as they are. */
  readonly width: number
  /** Default 10,000. */
  readonly base?: number
  readonly scaling?: RotaryScaling | undefined
}

/**
 * Radians by which each pair turns from one position to the next, and what cosines and sines are multiplied
 * by. Computed in f64.
 */
export interface RotaryFrequencies {
  readonly radiansPerPosition: Float64Array
  readonly magnitude: number
}

/**
 * The frequencies of rotary positions: base^(−2i / width) for pair i (Su et al. 2021, "RoFormer", equation
 * 15), scaled.
 *
 * @throws UsageError for an odd width, or numbers that are not positive
 */
export function rotaryFrequencies({ width, base = 10000, scaling }: RotaryOptions): RotaryFrequencies {
  checkRotary(width, base, scaling)
  const frequencies = (of: number): Float64Array =>
    Float64Array.from({ length: width / 2 }, (_, i) => of ** ((-2 * i) / width))
  const plain = frequencies(base)
  switch (scaling?.type) {
    case undefined:
      return { radiansPerPosition: plain, magnitude: 1 }
    case 'linear':
      return { radiansPerPosition: plain.map((f) => f / scaling.factor), magnitude: 1 }
    case 'ntk':
      return {
        radiansPerPosition: frequencies(base * scaling.factor ** (width / (width - 2))),
        magnitude: 1,
      }
    case 'dynamic': {
      const { factor, trained } = scaling
      const length = Math.max(scaling.length, trained)
      const larger = base * ((factor * length) / trained - (factor - 1)) ** (width / (width - 2))
      return { radiansPerPosition: frequencies(larger), magnitude: 1 }
    }
    case 'llama3': {
      const { factor, trained, low, high } = scaling
      const scaled = plain.map((f) => {
        const turns = (trained * f) / (2 * Math.PI)
        if (turns > high) return f
        if (turns < low) return f / factor
        const kept = (turns - low) / (high - low)
        return (1 - kept) * (f / factor) + kept * f
      })
      return { radiansPerPosition: scaled, magnitude: 1 }
    }
    case 'yarn': {
      const { factor, trained, fast = 32, slow = 1, magnitude = 0.1 * Math.log(factor) + 1 } = scaling
      // The pair that turns so often within the trained length.
      const pairOf = (turns: number): number =>
        (width * Math.log(trained / (turns * 2 * Math.PI))) / (2 * Math.log(base))
      const first = Math.max(Math.floor(pairOf(fast)), 0)
      const last = Math.min(Math.ceil(pairOf(slow)), width - 1)
      const scaled = plain.map((f, i) => {
        const share = Math.min(1, Math.max(0, (i - first) / Math.max(last - first, 0.001)))
        return (f / factor) * share + f * (1 - share)
      })
      return { radiansPerPosition: scaled, magnitude }
    }
    case 'longrope': {
      const { short, long, trained, length, magnitude = 1 } = scaling
      const factors = length > trained ? long : short
      return { radiansPerPosition: plain.map((f, i) => f / factors[i]!), magnitude }
    }
  }
}

/** Cosines and sines of the angle of each pair at each position. */
export interface RotaryTable {
  readonly cosine: Tensor<'position' | 'pair'>
  readonly sine: Tensor<'position' | 'pair'>
  readonly pairs: RotaryPairs
}

/**
 * The table for positions 0 … length − 1: angles in f64, rounded once. Made once for a model and shared by
 * its layers.
 *
 * @throws UsageError as `rotaryFrequencies` does
 */
export function rotaryTable(
  length: number,
  { pairs = 'half', ...options }: RotaryOptions & { readonly pairs?: RotaryPairs },
): RotaryTable {
  checkWhole('rotaryTable', 'length', length)
  const { radiansPerPosition, magnitude } = rotaryFrequencies(options)
  const count = radiansPerPosition.length
  const fill = (of: (radians: number) => number): Tensor<'position' | 'pair'> =>
    tensor(
      Float64Array.from(
        { length: length * count },
        (_, i) => of(Math.floor(i / count) * radiansPerPosition[i % count]!) * magnitude,
      ),
      { position: length, pair: count },
    )
  return { cosine: fill(Math.cos), sine: fill(Math.sin), pairs }
}

/**
 * Turns each pair of entries of queries or keys by the angle of its position. `axis` is the axis of positions
 * in `x`; the axis that is turned is 'width'.
 *
 * @throws UsageError for positions beyond the table
 */
export function applyRotary<A extends string>(
  x: Tensor<A | 'width'>,
  axis: NoInfer<A>,
  { cosine, sine, pairs }: RotaryTable,
  positions: PositionNumbers = 0,
): Tensor<A | 'width'> {
  const along = (table: Tensor<'position' | 'pair'>): Tensor => {
    const rows: AnyTensor =
      typeof positions === 'number'
        ? positionsFrom(table, positions, axisOf('rotary', x, axis).size)
        : gather(table, positions as Tensor<'position'>, 'position')
    return (rows as Tensor<string>).rename({ position: axis }) as Tensor
  }
  return rotate(x, 'width', along(cosine), along(sine), pairs)
}

/**
 * The rows of a table for positions that are no run: to be used with positions from 0 on, in every layer of a
 * call.
 */
export function rotaryAt({ cosine, sine, pairs }: RotaryTable, positions: Tensor<'position'>): RotaryTable {
  const rows = (table: Tensor<'position' | 'pair'>): Tensor<'position' | 'pair'> =>
    gather(table, positions, 'position')
  return { cosine: rows(cosine), sine: rows(sine), pairs }
}

function checkRotary(width: number, base: number, scaling: RotaryScaling | undefined): void {
  const operation = 'rotaryFrequencies'
  checkWhole(operation, 'width', width)
  if (width % 2 !== 0 || width === 0)
    throw new UsageError({
      operation,
      expected: 'an even width of at least 2',
      found: String(width),
      hint: 'entries are turned in pairs',
    })
  checkPositive(operation, 'base', base)
  if (scaling === undefined) return
  const { type, ...numbers } = scaling
  if (!['linear', 'ntk', 'dynamic', 'yarn', 'llama3', 'longrope'].includes(type))
    throw new UsageError({
      operation,
      expected: "a scaling of type 'linear', 'ntk', 'dynamic', 'yarn', 'llama3' or 'longrope'",
      found: `'${String(type)}'`,
      hint: 'leave the scaling out for the plain frequencies',
    })
  for (const [name, value] of Object.entries<number | readonly number[] | undefined>(numbers))
    if (value !== undefined && !Array.isArray(value)) checkPositive(operation, name, value as number)
  if (scaling.type === 'longrope')
    for (const name of ['short', 'long'] as const) checkFactors(operation, name, scaling[name], width / 2)
  if (scaling.type === 'llama3' && scaling.low >= scaling.high)
    throw new UsageError({
      operation,
      expected: 'low below high',
      found: `low ${scaling.low}, high ${scaling.high}`,
      hint: 'Llama 3.1 has 1 and 4',
    })
}

function checkFactors(operation: string, name: string, factors: readonly number[], pairs: number): void {
  if (factors?.length !== pairs)
    throw new UsageError({
      operation,
      expected: `${name} with a factor for each of the ${pairs} pairs`,
      found: `${factors?.length ?? 'no'} factors`,
      hint: 'take the factors that the weights were trained with',
    })
  for (const factor of factors) checkPositive(operation, name, factor)
}
