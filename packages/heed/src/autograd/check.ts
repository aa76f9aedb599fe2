import { isTensor, type AnyTensor, scope, tensor, type Tensor } from '../tensor/index.js'
import { leavesOf, mapTree } from '../base/index.js'
import { grad } from './grad.js'

/**
 * The largest difference between a gradient and central differences, over the largest gradient (or 1 if that
 * is less).
 */
export interface GradientCheck {
  readonly error: number
  readonly at: string
  readonly found: number
  readonly expected: number
}

/**
 * Compares the gradient of `loss` with central differences, element by element: (loss(x + h) − loss(x − h)) /
 * 2h. It is meant for a device that computes in f64 (the interpreter). On another one, give a larger `step`.
 */
export function checkGradient<M>(loss: (model: M) => Tensor<never>, model: M, step = 1e-5): GradientCheck {
  const isParameter = (value: unknown): value is Tensor => isTensor(value) && value.dtype === 'f32'
  const gradient = scope(
    () => new Map([...leavesOf(grad(loss)(model), isParameter)].map(([path, leaf]) => [path, leaf.values()])),
  )
  let worst: GradientCheck = { error: 0, at: '', found: 0, expected: 0 }
  let largest = 1
  for (const [path, leaf] of leavesOf(model, isParameter)) {
    const start = leaf.values()
    const evaluate = (i: number, change: number): number =>
      scope(() => {
        const moved = Float64Array.from(start)
        moved[i]! += change
        return loss(
          mapTree(model, isParameter, (other: Tensor) =>
            (other as AnyTensor) === leaf
              ? (tensor(moved, leaf.shape, { device: leaf.device }) as Tensor)
              : other,
          ),
        ).item()
      })
    start.forEach((_, i) => {
      const expected = (evaluate(i, step) - evaluate(i, -step)) / (2 * step)
      const found = gradient.get(path)![i]!
      largest = Math.max(largest, Math.abs(expected))
      const error = Math.abs(found - expected)
      if (!(error <= worst.error) && !Number.isNaN(worst.error))
        worst = { error, at: `${path}[${i}]`, found, expected }
    })
  }
  return { ...worst, error: worst.error / largest }
}
