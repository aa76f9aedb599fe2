import { inWords, refusePromise, UsageError } from '../base/index.js'
import { halvesProduct } from '../kernels/index.js'
import { roundedProduct, withRoundedProducts } from './rounded-products.js'

/** What the numbers of large products are rounded to before they are multiplied. Sums are always f32. */
export type Precision = 'f32' | 'bf16'

/** The one of the innermost `withPrecision`; f32 outside of any. */
export function currentPrecision(): Precision {
  return roundedProduct() === undefined ? 'f32' : 'bf16'
}

/**
 * Runs `work` with the operands of large matrix products rounded to bf16, which some processors multiply at
 * twice the speed of f32 (AVX512_BF16 on AMD's). Weights, sums and everything else stay f32, and so do
 * gradients; nothing needs scaling, since bf16 has the range of f32. (Micikevicius et al. 2018, "Mixed
 * precision training"; Kalamkar et al. 2019, "A study of BFLOAT16".) Where a processor has no such products,
 * all stays as it is.
 *
 * @throws UsageError for another precision; StateError where `work` is asynchronous
 */
export function withPrecision<T>(precision: Precision, work: () => T): T {
  if (precision !== 'f32' && precision !== 'bf16')
    throw new UsageError({
      operation: 'withPrecision',
      expected: "'f32' or 'bf16'",
      found: inWords(precision),
      hint: 'bf16 rounds what products multiply, f32 nothing',
    })
  return withRoundedProducts(precision === 'bf16' ? halvesProduct : undefined, () =>
    refusePromise('withPrecision', work(), 'put withPrecision around each synchronous part'),
  )
}
