import type {
  Bool,
  Builder,
  Int,
  Mask,
  ParameterTerms,
  ParameterType,
  Term,
  Vector,
} from '../language/index.js'
import type { AttentionDefinition } from './definition.js'
import type { Terms } from './leaves.js'
import type { ForwardPlaces } from './places.js'

const parameters = {
  output: 'f32*',
  outputBatch: 'i32',
  outputHead: 'i32',
  outputRow: 'i32',
  /** [batch head query]: the row's largest score, the sink among them. */
  largest: 'f32*',
  /** [batch head query]: 1 over the sum of exp(score − largest); 0 where nothing may be attended. */
  scale: 'f32*',
} as const
const statisticsParameters = {
  logSumExp: 'f32*',
  entropy: 'f32*',
  largestWeight: 'f32*',
  largestKey: 'i32*',
} as const

type Parameters = ParameterTerms<typeof parameters & typeof statisticsParameters & { sink: 'f32*' }>

/** The parameters of a kernel that writes results of the forward pass. */
export function resultParameters(
  { sink }: AttentionDefinition,
  statistics: boolean,
): Record<string, ParameterType> {
  return { ...parameters, ...(statistics ? statisticsParameters : {}), ...(sink ? { sink: 'f32*' } : {}) }
}

/** Their values, in the same order. */
export function resultValues(
  { sink }: AttentionDefinition,
  places: ForwardPlaces,
  withStatistics: boolean,
): number[] {
  const { output, largest, scale, statistics } = places
  const { logSumExp, entropy, largestWeight, largestKey } = statistics ?? {}
  return [
    output.address,
    output.batch,
    output.head,
    output.row,
    largest,
    scale,
    ...(withStatistics ? [logSumExp!, entropy!, largestWeight!, largestKey!] : []),
    ...(sink ? [places.sink!] : []),
  ]
}

/** What a row has of the keys that it has seen. */
export interface RowState {
  readonly batch: Int
  readonly head: Int
  readonly heads: Int
  readonly queryRow: Int
  readonly queries: Int
  /** The largest score of a key, −infinity where none is allowed. */
  readonly largest: Term<'f32'>
  /** Σ exp(score − largest) */
  readonly sum: Term<'f32'>
  /** Σ exp(score − largest) (score − largest); asked for with statistics, like `key`. */
  readonly weighted: () => Term<'f32'>
  /** The key of the largest score, the lowest of equals, −1 where none is allowed. */
  readonly key: () => Int
  /** Σ exp(score − largest) value, the columns from i on. */
  readonly output: (i: Int, mask: Mask | undefined) => Vector
}

/** Divides by the sum, with the sink where there is one, and writes what was asked for. */
export function writeResult(
  k: Builder,
  terms: Terms,
  { valueWidth, sink }: AttentionDefinition,
  statistics: boolean,
  row: RowState,
): void {
  const p = terms as unknown as Parameters
  const { batch, head, queryRow, largest, sum } = row
  const some = largest.gt(-Infinity)
  const { weight, top, scale, ...end } = sink
    ? sinkEnd(largest, sum, k.loadScalar(p.sink.at(head)))
    : plainEnd(largest, sum, some)
  const at = rowNumber(row)
  k.store(p.largest.at(at), top)
  k.store(p.scale.at(at), scale)
  if (statistics) {
    // −Σ f ln f with f = exp(score − largest) weight and −ln weight = top − largest + logarithm
    const logarithm = end.logarithm()
    const excess = top.sub(largest).add(logarithm)
    const entropy = excess.mul(sum.mul(weight)).sub(weight.mul(row.weighted()))
    k.store(p.logSumExp.at(at), top.add(logarithm))
    k.store(p.entropy.at(at), some.select(entropy, 0))
    k.store(p.largestWeight.at(at), weight)
    k.store(p.largestKey.at(at), row.key())
  }
  const line = p.output.at(batch.mul(p.outputBatch)).at(head.mul(p.outputHead)).at(queryRow.mul(p.outputRow))
  k.vectors(valueWidth, (i, mask) => k.store(line.at(i), row.output(i, mask).mul(weight), mask))
}

/** Which of batch × heads × queries. */
export function rowNumber({
  batch,
  head,
  heads,
  queryRow,
  queries,
}: Pick<RowState, 'batch' | 'head' | 'heads' | 'queryRow' | 'queries'>): Int {
  return batch.mul(heads).add(head).mul(queries).add(queryRow)
}

/** How a row ends. */
interface End {
  /** The weight of the largest score of a key: what the output so far is multiplied with. */
  readonly weight: Term<'f32'>
  /** The largest score, the sink among them. */
  readonly top: Term<'f32'>
  /** 1 over the sum of exp(score − top). */
  readonly scale: Term<'f32'>
  /** ln of that sum. */
  readonly logarithm: () => Term<'f32'>
}

function plainEnd(largest: Term<'f32'>, sum: Term<'f32'>, some: Bool): End {
  const divisor = some.select(sum, 1)
  const scale = some.select(divisor.builder.operand('f32', 1).div(divisor), 0)
  return { weight: scale, top: largest, scale, logarithm: () => divisor.log() }
}

/** The sink is one more score in the denominator; it is finite, so there always is one. */
function sinkEnd(largest: Term<'f32'>, sum: Term<'f32'>, sink: Term<'f32'>): End {
  const top = sink.max(largest)
  const factor = largest.sub(top).exp()
  const total = factor.fma(sum, sink.sub(top).exp())
  return {
    weight: factor.div(total),
    top,
    scale: total.builder.operand('f32', 1).div(total),
    logarithm: () => total.log(),
  }
}
