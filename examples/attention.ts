/**
 * Self-attention by hand, step by step, and the same in one fused operation with a score and a mask of one's
 * own.
 */
import {
  attention,
  attentionFilter,
  capture,
  causal,
  dot,
  normal,
  randomKey,
  scope,
  type Score,
  softmax,
  tensor,
} from 'heed'

scope(() => {
  // Two heads, five positions, eight numbers each.
  const query = normal(randomKey(1), { head: 2, query: 5, width: 8 })
  const key = normal(randomKey(2), { head: 2, key: 5, width: 8 })
  const value = normal(randomKey(3), { head: 2, key: 5, width: 8 })

  // Step by step: scores, the filter (each row between 0 and 1, summing to 1), filter × value.
  const scores = dot(query, key, 'width').mul(1 / Math.sqrt(query.size('width')))
  const filter = softmax(scores, 'key')
  const mixed = dot(filter, value, 'key')

  // The same in one kernel, which never holds the filter.
  const fused = attention(query, key, value)
  const [a, b] = [mixed.values(), fused.values(['head', 'query', 'width'])]
  const apart = Math.max(...Array.from(a, (number, i) => Math.abs(number - b[i]!)))
  console.log(`step by step and fused differ by at most ${apart.toExponential(0)}`)

  // Your own score: what is far away counts less, by a slope for each head. It is compiled into the kernel,
  // and differentiated.
  const slopes = tensor([0.1, 1], { head: 2 })
  const fading: Score = (score, { head, query, key }) =>
    score.sub(capture(slopes).at({ head }).mul(query.sub(key).abs()))
  const seen = attentionFilter(query, key, { score: fading, mask: causal })
  for (let head = 0; head < 2; head++) {
    console.log(`head ${head}, slope ${[0.1, 1][head]}:`)
    for (let row = 0; row < 5; row++) {
      const weights = [...seen.at('head', head).at('query', row).values()]
      console.log(`  ${weights.map((weight) => weight.toFixed(2)).join('  ')}`)
    }
  }
})
