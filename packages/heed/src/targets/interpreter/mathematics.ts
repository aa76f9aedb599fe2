/** What `Math` lacks, in f64. */

/**
 * The error function, to some 1e-15: erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·5·…·(2n+1)), all terms of
 * one sign (Abramowitz and Stegun 7.1.6).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const magnitude = Math.abs(x)
  if (magnitude > 6) return Math.sign(x)
  let term = magnitude
  let sum = magnitude
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * magnitude * magnitude) / (2 * n + 1)
    sum += term
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-magnitude * magnitude) * sum
}

/**
 * exp(x²) erfc(x) of |x|, to some 1e-15: from the error function near 0, else by its continued fraction
 * (Abramowitz and Stegun 7.1.14).
 */
export function erfcx(x: number): number {
  const magnitude = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (magnitude < 1.5) return Math.exp(magnitude * magnitude) * (1 - erf(magnitude))
  let fraction = 0
  for (let i = 300; i > 0; i--) fraction = i / 2 / (magnitude + fraction)
  return 1 / Math.sqrt(Math.PI) / (magnitude + fraction)
}

/** To the nearest integer, ties to even. */
export function roundTiesToEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  const rounded = rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
  return rounded === 0 && x < 0 ? -0 : rounded
}

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

/** The 32 bits of `x` rounded to f32. */
export function toBits(x: number): number {
  float[0] = x
  return bits[0]!
}

/** The f32 with these bits. */
export function fromBits(x: number): number {
  bits[0] = x
  return float[0]!
}

/** sum + the products of four bytes, unsigned × signed. */
export function dotBytes(a: number, b: number, sum: number): number {
  let total = sum
  for (let shift = 0; shift < 32; shift += 8)
    total = (total + ((a >>> shift) & 0xff) * ((b << (24 - shift)) >> 24)) | 0
  return total
}

/** sum + the products of two signed 16-bit integers. */
export function dotShorts(a: number, b: number, sum: number): number {
  return (sum + Math.imul(a >> 16, b >> 16) + Math.imul((a << 16) >> 16, (b << 16) >> 16)) | 0
}
