import { ShapeError } from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'

/** What one head does with one sequence, in four numbers. */
export interface HeadScores {
  /**
   * Mean over the queries of the row's entropy −Σ f ln f, in nats: 0 where each query attends to one key, ln
   * n where it attends to n keys alike. Rows that attend to nothing are left out.
   */
  readonly entropy: number
  /** Mean weight on the token just before the query, over all queries but the first: 0 to 1. */
  readonly previous: number
  /**
   * Mean weight on the first token, over all queries but the first: 0 to 1. Heads with nothing to do rest
   * there (attention sink; Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks").
   */
  readonly first: number
  /**
   * How much the head looks at what followed before (prefix matching; Olsson et al. 2022, "In-context
   * Learning and Induction Heads"), 0 to 1. It is the mean weight on the tokens that followed earlier
   * occurrences of the query's token, over the queries whose token has occurred before. An immediate
   * repetition does not count. 0 where no token comes back.
   */
  readonly induction: number
}

/** Whether the induction score of a sequence says anything: some token has come before, not just before. */
export function hasRepetition(ids: ArrayLike<number>): boolean {
  return followers(ids).some((keys) => keys.length > 0)
}

/**
 * Four numbers that say what one head does with one sequence.
 *
 * @param filter query × key weights: a tensor of these two axes, or its numbers row by row; n × n for n
 * tokens, each row between 0 and 1 and summing to 1 (or to 0 where nothing may be attended)
 * @param ids the sequence's token ids
 * @throws ShapeError if the filter has other axes, or is not n × n
 */
export function headScores(
  filter: Tensor<'query' | 'key'> | Tensor<string> | ArrayLike<number>,
  ids: ArrayLike<number>,
): HeadScores {
  const tokens = ids.length
  const given = filterTensor(filter)
  const weights = given?.values(['query', 'key']) ?? (filter as ArrayLike<number>)
  if (weights.length !== tokens * tokens || (given && given.size('query') !== tokens)) {
    throw new ShapeError({
      operation: 'headScores',
      expected: `a filter of ${tokens} queries × ${tokens} keys, one for each token`,
      found: given?.describe() ?? `${weights.length} weights`,
      hint: 'give one head of one sequence, and the ids that it read',
    })
  }
  const weight = (query: number, key: number): number => weights[query * tokens + key]!
  const later = Array.from({ length: Math.max(0, tokens - 1) }, (_, i) => i + 1)
  const after = followers(ids)
  const repeated = later.filter((query) => after[query]!.length > 0)
  return {
    entropy: meanEntropy(weights, tokens),
    previous: mean(later.map((query) => weight(query, query - 1))),
    first: mean(later.map((query) => weight(query, 0))),
    induction: mean(repeated.map((query) => after[query]!.reduce((sum, key) => sum + weight(query, key), 0))),
  }
}

function filterTensor(filter: unknown): Tensor<'query' | 'key'> | undefined {
  return isTensor(filter) ? filter.withAxes('query', 'key') : undefined
}

function meanEntropy(weights: ArrayLike<number>, tokens: number): number {
  const entropies: number[] = []
  for (let query = 0; query < tokens; query++) {
    let entropy = 0
    let sum = 0
    for (let key = 0; key < tokens; key++) {
      const weight = weights[query * tokens + key]!
      sum += weight
      if (weight > 0) entropy -= weight * Math.log(weight)
    }
    // Rounding may make the entropy of a row with a single key a hair negative.
    if (sum > 0) entropies.push(Math.max(0, entropy))
  }
  return mean(entropies)
}

/** For each query the keys, before itself, that followed earlier occurrences of its token. */
function followers(ids: ArrayLike<number>): number[][] {
  const places = new Map<number, number[]>()
  return Array.from({ length: ids.length }, (_, query) => {
    const earlier = places.get(ids[query]!) ?? []
    const keys = earlier.map((place) => place + 1).filter((key) => key < query)
    places.set(ids[query]!, [...earlier, query])
    return keys
  })
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
