import {
  type Builder,
  type Int,
  type Kernel,
  kernel,
  type ParameterTerms,
  type Pointer,
} from '../language/index.js'
import type { AttentionDefinition } from './definition.js'
import type { Terms } from './leaves.js'
import { resultParameters, type ResultParameters, rowNumber, type RowState, writeResult } from './result.js'
import { roundUp } from './tile.js'

/** The parameters of a kernel that writes, or reads, what rows have of parts of the keys. */
export type PartParameters = { readonly states: 'f32*'; readonly parts: 'i32' }

export const partParameters: PartParameters = {
  /**
   * [batch head query part], each `partElements`: the output so far, largest score, sum, weighted sum,
   * largest key.
   */
  states: 'f32*',
  parts: 'i32',
}

type PartTerms = ParameterTerms<PartParameters>
type CombineParameters = PartParameters &
  ResultParameters & { readonly heads: 'i32'; readonly queries: 'i32' }

/** Elements of a row's state of one part; whole cache lines. */
export function partElements({ valueWidth }: AttentionDefinition): number {
  return roundUp(valueWidth + 4, 16)
}

function stateAt({ states, parts }: PartTerms, definition: AttentionDefinition, row: Int, part: Int): State {
  const output = states.at(row.mul(parts).add(part).mul(partElements(definition)))
  const rest = output.at(definition.valueWidth)
  return { output, largest: rest, sum: rest.at(1), weighted: rest.at(2), largestKey: rest.at(3).as('i32') }
}

interface State {
  readonly output: Pointer<'f32'>
  readonly largest: Pointer<'f32'>
  readonly sum: Pointer<'f32'>
  readonly weighted: Pointer<'f32'>
  readonly largestKey: Pointer<'i32'>
}

export function storePart(
  k: Builder,
  terms: PartTerms,
  part: Int,
  definition: AttentionDefinition,
  statistics: boolean,
  row: RowState,
): void {
  const to = stateAt(terms, definition, rowNumber(row), part)
  k.store(to.largest, row.largest)
  k.store(to.sum, row.sum)
  if (statistics) {
    k.store(to.weighted, row.weighted())
    k.store(to.largestKey, row.largestKey())
  }
  k.vectors(definition.valueWidth, (i, mask) => k.store(to.output.at(i), row.output(i, mask), mask))
}

/**
 * Puts the parts of each row together, in their order. Tasks: batch × heads × queries. Scratch memory: a
 * float for each part.
 */
export function combineParts(
  definition: AttentionDefinition,
  statistics: boolean,
): Kernel<CombineParameters> {
  const types: CombineParameters = {
    ...partParameters,
    heads: 'i32',
    queries: 'i32',
    ...resultParameters(definition, statistics),
  }
  const { valueWidth, sink } = definition
  const name = `attention combine ${valueWidth}${sink ? ' sink' : ''}${statistics ? ' statistics' : ''}`
  return kernel(name, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as PartTerms & ParameterTerms<{ heads: 'i32'; queries: 'i32' }>
    const [matrix, queryRow] = [task.div(p.queries), task.rem(p.queries)]
    const factors = k.scratch('f32')
    const each = (body: (state: State, part: Int) => void): void =>
      k.loop(0, p.parts, 1, (part) => body(stateAt(p, definition, task, part), part))
    const largest = k.variable(k.float(-Infinity))
    const largestKey = statistics ? k.variable(k.int(-1)) : undefined
    each((state) => {
      const other = k.loadScalar(state.largest)
      // The first of equals: its key is the lowest.
      largestKey?.set(other.gt(largest.get()).select(k.loadScalar(state.largestKey), largestKey.get()))
      largest.set(largest.get().maxIgnoringNaN(other))
    })
    const top = largest.get()
    // A row that may attend to nothing has −infinity throughout: 0 keeps the differences from being NaN.
    const base = top.gt(-Infinity).select(top, 0)
    const sum = k.variable(k.float(0))
    const weighted = statistics ? k.variable(k.float(0)) : undefined
    each((state, part) => {
      const other = k.loadScalar(state.largest)
      const partSum = k.loadScalar(state.sum)
      const factor = other.sub(base).exp()
      k.store(factors.at(part), factor)
      sum.set(factor.fma(partSum, sum.get()))
      if (weighted !== undefined) {
        const shift = other.gt(-Infinity).select(other.sub(base), 0)
        weighted.set(factor.fma(shift.fma(partSum, k.loadScalar(state.weighted)), weighted.get()))
      }
    })
    writeResult(k, terms, definition, statistics, {
      batch: matrix.div(p.heads),
      head: matrix.rem(p.heads),
      heads: p.heads,
      queryRow,
      queries: p.queries,
      largest: top,
      sum: sum.get(),
      weighted: () => weighted!.get(),
      largestKey: () => largestKey!.get(),
      output: (i, mask) => {
        const total = k.variable(k.vector(0))
        each(({ output }, part) =>
          total.set(k.loadBroadcast(factors.at(part)).fma(k.load(output.at(i), mask), total.get())),
        )
        return total.get()
      },
    })
  })
}
