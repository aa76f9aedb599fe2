import type { MatmulActivation, MatmulAxis, MatmulRequest } from './request.js'

/** A float array that stands for the heap; addresses of the request count its elements. */
type Floats = Float32Array | Float64Array

/** The definition of `planMatmul`, in f64, one element of C after the other. `erf` is the caller's. */
export function plainMatmul(
  request: Omit<MatmulRequest, 'machine'>,
  heap: Floats,
  erf: (x: number) => number,
  write: (index: number, value: number, magnitude: number) => void,
): void {
  const { batch, m, n, k, scale = 1, bias, activation = 'none', residual } = request
  for (const at of places([...batch, ...m, ...n])) {
    let sum = 0
    let magnitude = 0
    for (const step of places(k)) {
      const product = heap[request.a + at.a + step.a]! * heap[request.b + at.b + step.b]!
      sum += product
      magnitude += Math.abs(product)
    }
    let value = scale * sum
    magnitude *= Math.abs(scale)
    if (bias !== undefined) value += heap[bias + at.bias]!
    value = activate(activation, value, erf)
    if (residual !== undefined) value += heap[residual + at.residual]!
    write(request.c + at.c, value, magnitude)
  }
}

function activate(activation: MatmulActivation, x: number, erf: (x: number) => number): number {
  switch (activation) {
    case 'none':
      return x
    case 'relu':
      return Math.max(x, 0)
    case 'gelu':
      return 0.5 * x * (1 + erf(x * Math.SQRT1_2))
    case 'gelu-tanh':
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    case 'gelu-quick':
      return x / (1 + Math.exp(-1.702 * x))
    case 'silu':
      return x / (1 + Math.exp(-x))
    case 'tanh':
      return Math.tanh(x)
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x))
  }
}

interface Place {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly bias: number
  readonly residual: number
}

/** The offsets of every index tuple over the axes. */
function places(axes: readonly MatmulAxis[]): readonly Place[] {
  let all: Place[] = [{ a: 0, b: 0, c: 0, bias: 0, residual: 0 }]
  for (const { size, a, b, c, bias = 0, residual = 0 } of axes) {
    all = all.flatMap((at) =>
      Array.from({ length: size }, (_, i) => ({
        a: at.a + i * a,
        b: at.b + i * b,
        c: at.c + i * c,
        bias: at.bias + i * bias,
        residual: at.residual + i * residual,
      })),
    )
  }
  return all
}
