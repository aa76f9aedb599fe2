/** Steps that are remembered. */
const memory = 10
const mostSteps = 1000
/** The largest element of the gradient at which it ends, over that at the beginning. */
const precision = 1e-9

/**
 * Where a convex function is least: L-BFGS with a backtracking line search (Nocedal and Wright 2006,
 * "Numerical Optimization", algorithms 7.4 and 3.1), from zeros.
 *
 * @param value gives the function's value at `x`, and writes its gradient
 */
export function leastOf(
  size: number,
  value: (x: Float64Array, gradient: Float64Array) => number,
): Float64Array {
  let x = new Float64Array(size)
  let gradient = new Float64Array(size)
  let now = value(x, gradient)
  const enough = precision * Math.max(1e-12, largestOf(gradient))
  const steps: { readonly moved: Float64Array; readonly turned: Float64Array; readonly product: number }[] =
    []
  for (let step = 0; step < mostSteps && largestOf(gradient) > enough; step++) {
    const direction = directionOf(gradient, steps)
    const slope = dotOf(direction, gradient)
    let length = steps.length === 0 ? 1 / Math.max(1, Math.sqrt(dotOf(gradient, gradient))) : 1
    const next = new Float64Array(size)
    const nextGradient = new Float64Array(size)
    let then = Infinity
    for (let tries = 0; tries < 60; tries++) {
      for (let i = 0; i < size; i++) next[i] = x[i]! + length * direction[i]!
      then = value(next, nextGradient)
      if (then <= now + 1e-4 * length * slope) break
      length /= 2
    }
    // Rounding leaves no lower place.
    if (!(then < now)) break
    const moved = next.map((one, i) => one - x[i]!)
    const turned = nextGradient.map((one, i) => one - gradient[i]!)
    const product = dotOf(moved, turned)
    if (product > 0) steps.push({ moved, turned, product })
    if (steps.length > memory) steps.shift()
    x = next
    gradient = nextGradient
    now = then
  }
  return x
}

/** Minus the inverse curvature, as the last steps show it, times the gradient. */
function directionOf(
  gradient: Float64Array,
  steps: readonly { readonly moved: Float64Array; readonly turned: Float64Array; readonly product: number }[],
): Float64Array {
  const direction = gradient.map((one) => -one)
  const shares = steps.map(() => 0)
  for (let i = steps.length - 1; i >= 0; i--) {
    const { moved, turned, product } = steps[i]!
    shares[i] = dotOf(moved, direction) / product
    addTo(direction, turned, -shares[i]!)
  }
  const last = steps.at(-1)
  if (last !== undefined) {
    const scale = last.product / dotOf(last.turned, last.turned)
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale
  }
  steps.forEach(({ moved, turned, product }, i) =>
    addTo(direction, moved, shares[i]! - dotOf(turned, direction) / product),
  )
  return direction
}

function addTo(sum: Float64Array, part: Float64Array, factor: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += factor * part[i]!
}

function dotOf(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function largestOf(numbers: Float64Array): number {
  return numbers.reduce((most, one) => Math.max(most, Math.abs(one)), 0)
}
