// The plain definitions of what row kernels compute, in f64, one row at a time.

export function plainSoftmax(x: readonly number[]): number[] {
  const largest = Math.max(...x)
  if (largest === -Infinity) return x.map(() => 0)
  const terms = x.map((value) => Math.exp(value - largest))
  const sum = terms.reduce((a, b) => a + b, 0)
  return terms.map((term) => term / sum)
}

export function plainLogSoftmax(x: readonly number[]): number[] {
  const largest = Math.max(...x)
  if (largest === -Infinity) return [...x]
  const sum = x.reduce((total, value) => total + Math.exp(value - largest), 0)
  return x.map((value) => value - largest - Math.log(sum))
}

/** Σ gᵢ ∂softmaxᵢ/∂x */
export function plainSoftmaxGradient(x: readonly number[], g: readonly number[]): number[] {
  const y = plainSoftmax(x)
  const along = y.reduce((sum, value, i) => sum + value * g[i]!, 0)
  return y.map((value, i) => value * (g[i]! - along))
}

export function plainLogSoftmaxGradient(x: readonly number[], g: readonly number[]): number[] {
  const sum = g.reduce((a, b) => a + b, 0)
  return plainSoftmax(x).map((value, i) => g[i]! - value * sum)
}

export interface PlainNorm {
  readonly centered: boolean
  readonly onePlus: boolean
  readonly epsilon: number
  readonly weight?: readonly number[] | undefined
  readonly bias?: readonly number[] | undefined
}

function normalized(
  x: readonly number[],
  { centered, epsilon }: PlainNorm,
): { n: number[]; deviation: number } {
  const mean = centered ? average(x) : 0
  const distances = x.map((value) => value - mean)
  const deviation = Math.sqrt(average(distances.map((distance) => distance ** 2)) + epsilon)
  return { n: distances.map((distance) => distance / deviation), deviation }
}

function factors(width: number, { weight, onePlus }: PlainNorm): number[] {
  return Array.from({ length: width }, (_, i) => (weight === undefined ? 1 : weight[i]! + (onePlus ? 1 : 0)))
}

export function plainNorm(x: readonly number[], norm: PlainNorm): number[] {
  const factor = factors(x.length, norm)
  return normalized(x, norm).n.map((value, i) => value * factor[i]! + (norm.bias?.[i] ?? 0))
}

/** What one row adds to the gradients of x, weight and bias. */
export function plainNormGradient(
  x: readonly number[],
  g: readonly number[],
  norm: PlainNorm,
): { x: number[]; weight: number[]; bias: number[] } {
  const { n, deviation } = normalized(x, norm)
  const scaled = factors(x.length, norm).map((factor, i) => factor * g[i]!)
  const mean = norm.centered ? average(scaled) : 0
  const along = average(scaled.map((value, i) => value * n[i]!))
  return {
    x: scaled.map((value, i) => (value - mean - n[i]! * along) / deviation),
    weight: n.map((value, i) => value * g[i]!),
    bias: [...g],
  }
}

/** −(1 − s) w[target] ln p[target] − s × mean (w ln p) */
export function plainCrossEntropy(
  x: readonly number[],
  target: number,
  smoothing: number,
  weights: readonly number[] = x.map(() => 1),
): number {
  const logarithms = plainLogSoftmax(x)
  const own = weights[target]! * logarithms[target]!
  const all = logarithms.map((logarithm, i) => logarithm * weights[i]!)
  return -((1 - smoothing) * own) - (smoothing === 0 ? 0 : smoothing * average(all))
}

/** Each class that the row's target is made of, once: its share, times its weight, times softmax − onehot. */
export function plainCrossEntropyGradient(
  x: readonly number[],
  target: number,
  smoothing: number,
  weights: readonly number[] = x.map(() => 1),
): number[] {
  const shares = x.map((_, i) => weights[i]! * (smoothing / x.length + (i === target ? 1 - smoothing : 0)))
  const whole = shares.reduce((a, b) => a + b, 0)
  return plainSoftmax(x).map((p, i) => p * whole - shares[i]!)
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}
