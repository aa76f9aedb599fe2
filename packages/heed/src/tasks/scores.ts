/** From logits to scores, in f64. */

/** What is applied to a classifier's logits. */
export type ScoreFunction = 'softmax' | 'sigmoid' | 'none'
export const scoreFunctions: readonly ScoreFunction[] = ['softmax', 'sigmoid', 'none']

export function applied(how: ScoreFunction, logits: ArrayLike<number>): Float64Array {
  if (how === 'softmax') return softmaxOf(logits)
  return Float64Array.from(logits, (logit) => (how === 'none' ? logit : 1 / (1 + Math.exp(-logit))))
}

/** exp(logit) / Σ exp(logits); all 0 where there are none above −∞. */
export function softmaxOf(logits: ArrayLike<number>): Float64Array {
  let largest = -Infinity
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!)
  if (largest === -Infinity) return new Float64Array(logits.length)
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

/** ln(Σ exp(logits)) */
export function logSumExp(logits: ArrayLike<number>): number {
  let largest = -Infinity
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!)
  if (largest === -Infinity) return largest
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest)
  return largest + Math.log(sum)
}
