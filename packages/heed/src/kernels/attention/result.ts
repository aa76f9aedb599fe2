import type {
  Builder,
  ConditionOf,
  FloatType,
  Int,
  Mask,
  Operand,
  ParameterTerms,
  Pointer,
  Term,
  Vector,
} from '../language/index.js'
import type { LaunchValues } from '../launch.js'
import { type AttentionDefinition, goesTwice } from './definition.js'
import type { Terms } from './leaves.js'
import type { ForwardPlaces } from './places.js'
import { type PlaceParameters, placeParameters, placeValues } from './workspace.js'

/** The parameters of a kernel that writes results of the forward pass. */
export type ResultParameters = PlaceParameters<'output'> & {
  /** [batch head query]: the row's largest score, the sink among them. */
  readonly largest: 'f32*'
  /** [batch head query]: 1 over the sum of exp(score − largest); 0 where nothing may be attended. */
  readonly inverseSum: 'f32*'
} & Partial<typeof statisticsParameters & typeof sinkParameters>

const statisticsParameters = {
  logSumExp: 'f32*',
  entropy: 'f32*',
  largestWeight: 'f32*',
  largestKey: 'i32*',
} as const
const sinkParameters = { sink: 'f32*' } as const

type Parameters = ParameterTerms<Required<ResultParameters>>

export function resultParameters({ sink }: AttentionDefinition, statistics: boolean): ResultParameters {
  return {
    ...placeParameters('output'),
    largest: 'f32*',
    inverseSum: 'f32*',
    ...(statistics ? statisticsParameters : {}),
    ...(sink ? sinkParameters : {}),
  }
}

export function resultValues(
  { sink: withSink }: AttentionDefinition,
  { output, largest, inverseSum, statistics, sink }: ForwardPlaces,
  withStatistics: boolean,
): LaunchValues<ResultParameters> {
  return {
    ...placeValues('output', output),
    largest,
    inverseSum,
    ...(withStatistics ? statistics : {}),
    ...(withSink && sink !== undefined ? { sink } : {}),
  }
}

/** What a row has of the keys that it has seen, or a vector of rows. */
export interface Seen<T extends FloatType> {
  /** The largest score of a key, −infinity where none is allowed. */
  readonly largest: Term<T>
  /** Σ exp(score − largest) */
  readonly sum: Term<T>
  /** Σ exp(score − largest) (score − largest); asked for with statistics, like `largestKey`. */
  readonly weighted: () => Term<T>
  /** The key of the largest score, the lowest of equals, −1 where none is allowed. */
  readonly largestKey: () => Term<T extends 'f32' ? 'i32' : 'ivector'>
}

/** A row, or the first of a vector of rows. */
export interface RowPlace {
  readonly batch: Int
  readonly head: Int
  readonly heads: Int
  readonly queryRow: Int
  readonly queries: Int
}

export interface RowState extends RowPlace, Seen<'f32'> {
  /** Σ exp(score − largest) value, the columns from i on. */
  readonly output: (i: Int, mask: Mask | undefined) => Vector
}

/** Divides by the sum, with the sink where there is one, and writes what was asked for. */
export function writeResult(
  k: Builder,
  terms: Terms,
  definition: AttentionDefinition,
  statistics: boolean,
  row: RowState,
): void {
  const weight = writeRow(k, terms, definition, statistics, row, row)
  const line = outputLine(terms, row)
  const end = (output: Vector): Vector => (goesTwice(definition) ? output : output.mul(weight))
  k.vectors(definition.valueWidth, (i, mask) => k.store(line.at(i), end(row.output(i, mask)), mask))
}

/** Where the output of a row goes. */
export function outputLine(terms: Terms, { batch, head, queryRow }: RowPlace): Pointer<'f32'> {
  const p = terms as unknown as Parameters
  return p.output.at(batch.mul(p.outputBatch)).at(head.mul(p.outputHead)).at(queryRow.mul(p.outputRow))
}

/**
 * Writes what is asked for of a row or a vector of rows (those in `mask`), but for the output; gives what the
 * output so far is to be multiplied with.
 */
export function writeRow<T extends FloatType>(
  k: Builder,
  terms: Terms,
  definition: AttentionDefinition,
  statistics: boolean,
  place: RowPlace,
  seen: Seen<T>,
  mask?: Mask,
): Term<T> {
  const p = terms as unknown as Parameters
  const { largest, sum } = seen
  const some = largest.gt(-Infinity)
  const { weight, top, inverseSum, ...end } = rowEnd(k, terms, definition, place.head, largest, sum)
  const at = rowNumber(place)
  const store = (to: Pointer<'f32'>, value: Term<T>): void =>
    k.store(to.at(at), value as Term<'vector'>, mask)
  store(p.largest, top)
  store(p.inverseSum, inverseSum)
  if (statistics) {
    // −Σ f ln f with f = exp(score − largest) weight and −ln weight = top − largest + logarithm
    const logarithm = end.logarithm()
    const excess = top.sub(largest).add(logarithm)
    const entropy = excess.mul(sum.mul(weight)).sub(weight.mul(seen.weighted()))
    store(p.logSumExp, top.add(logarithm))
    store(p.entropy, some.select(entropy, 0))
    store(p.largestWeight, weight)
    k.store(p.largestKey.at(at), seen.largestKey() as Term<'ivector'>, mask)
  }
  return weight
}

/** How a row ends that has seen all its keys, or a vector of rows of one head. */
export function rowEnd<T extends FloatType>(
  k: Builder,
  terms: Terms,
  { sink }: AttentionDefinition,
  head: Int,
  largest: Term<T>,
  sum: Term<T>,
): End<T> {
  if (!sink) return plainEnd(largest, sum, largest.gt(-Infinity))
  const logits = (terms as unknown as Parameters).sink
  return sinkEnd(largest, sum, k.operand(largest.type, k.loadScalar(logits.at(head)) as Operand<T>))
}

/** Which of batch × heads × queries. */
export function rowNumber({ batch, head, heads, queryRow, queries }: RowPlace): Int {
  return batch.mul(heads).add(head).mul(queries).add(queryRow)
}

/** How a row ends, or a vector of rows. */
export interface End<T extends FloatType> {
  /** The weight of the largest score of a key: what the output so far is multiplied with. */
  readonly weight: Term<T>
  /** The largest score, the sink among them. */
  readonly top: Term<T>
  /** 1 over the sum of exp(score − top). */
  readonly inverseSum: Term<T>
  /** ln of that sum. */
  readonly logarithm: () => Term<T>
}

function plainEnd<T extends FloatType>(largest: Term<T>, sum: Term<T>, some: Term<ConditionOf<T>>): End<T> {
  const divisor = some.select(sum, 1)
  const inverseSum = some.select(divisor.builder.operand(sum.type, 1).div(divisor), 0)
  return { weight: inverseSum, top: largest, inverseSum, logarithm: () => divisor.log() as Term<T> }
}

/** The sink is one more score in the denominator. */
function sinkEnd<T extends FloatType>(largest: Term<T>, sum: Term<T>, sink: Term<T>): End<T> {
  const top = sink.maxIgnoringNaN(largest)
  // A sink of −infinity takes nothing: with no key either, 0 and 1 keep differences and quotients from being
  // NaN.
  const some = top.gt(-Infinity)
  const base = some.select(top, 0)
  const factor = largest.sub(base).exp() as Term<T>
  const total = some.select(factor.fma(sum, sink.sub(base).exp() as Term<T>), 1)
  return {
    weight: factor.div(total),
    top,
    inverseSum: some.select(total.builder.operand(total.type, 1).div(total), 0),
    logarithm: () => total.log() as Term<T>,
  }
}
