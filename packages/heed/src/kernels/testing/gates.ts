import type { GateName } from '../expression/index.js'

// The definitions of the gates and of their slopes in f64, written so that small results keep their digits.

const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))
const sigmoidSlope = (x: number): number => sigmoid(x) * sigmoid(-x)

/**
 * erfc(x) exp(x²) for x ≥ 0 by its continued fraction; near 0, where that is slow, from the error function's
 * series.
 */
export function erfcx(x: number): number {
  if (x < 1.5) {
    let [term, sum] = [x, x]
    for (let n = 1; term > sum * 1e-18; n++) sum += term *= (2 * x * x) / (2 * n + 1)
    return Math.exp(x * x) - (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = 0
  for (let i = 300; i > 0; i--) fraction = i / 2 / (x + fraction)
  return 1 / Math.sqrt(Math.PI) / (x + fraction)
}

/** exp(−x²), the square to twice the digits where it is large. */
const gaussian = (x: number): number => Math.exp(-x * x)
/** 1 − Φ(|x|) */
const beyond = (x: number): number => 0.5 * erfcx(Math.abs(x) * Math.SQRT1_2) * Math.exp(-0.5 * x * x)
const density = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)

/** x σ(z) and its derivative, where `growth` is x dz/dx. At −∞ the limit, 0. */
const gated = (x: number, z: number): number => (x === -Infinity ? -0 : x * sigmoid(z))
const gatedSlope = (x: number, z: number, growth: number): number =>
  Number.isFinite(x) || Number.isNaN(x) ? sigmoid(z) * (1 + growth * sigmoid(-z)) : x > 0 ? 1 : 0

const linear = 2 * Math.sqrt(2 / Math.PI)
const cubic = linear * 0.044715
const tanhForm = (x: number): number => x * (linear + cubic * x * x)
const bounded = (x: number): number => Math.max(-100, Math.min(100, x))

export const gateDefinitions: Readonly<Record<GateName, (x: number) => number>> = {
  sigmoid,
  sigmoidSlope,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  silu: (x) => gated(x, x),
  siluSlope: (x) => gatedSlope(x, x, x),
  geluQuick: (x) => gated(x, 1.702 * x),
  geluQuickSlope: (x) => gatedSlope(x, 1.702 * x, 1.702 * x),
  geluTanh: (x) => gated(x, tanhForm(x)),
  geluTanhSlope: (x) =>
    gatedSlope(x, tanhForm(bounded(x)), bounded(x) * (linear + 3 * cubic * bounded(x) * bounded(x))),
  gelu: (x) => (x > 40 ? x : x < -40 ? 0 : x <= 0 ? x * beyond(x) : x - x * beyond(x)),
  geluSlope: (x) => {
    const near = Math.max(-50, Math.min(50, x))
    const outside = beyond(near) - Math.abs(near) * density(near)
    return x < 0 ? outside : 1 - outside
  },
  gaussian,
  tanhSlope: (x) => 4 * sigmoidSlope(2 * x),
}
