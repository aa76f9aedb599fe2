import type { HalvesProduct, MatmulRequest } from '../kernels/index.js'

/**
 * Plans a product with rounded operands; undefined where it is to stay as it is. `withPrecision` brings it
 * along, so that a bundle without it has none of its kernels.
 */
export type RoundedProduct = (request: MatmulRequest) => HalvesProduct | undefined

let current: RoundedProduct | undefined

/** Of the innermost `withPrecision`; undefined where products stay f32. */
export function roundedProduct(): RoundedProduct | undefined {
  return current
}

/** Runs `work` with products planned by `product`. */
export function withRoundedProducts<T>(product: RoundedProduct | undefined, work: () => T): T {
  const outer = current
  current = product
  try {
    return work()
  } finally {
    current = outer
  }
}
