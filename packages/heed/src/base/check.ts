import { UsageError } from './errors.js'

/** @throws UsageError unless `value` is a whole number of at least `least` */
export function checkWhole(operation: string, name: string, value: number, least = 0): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError({
      operation,
      expected: `${name} to be a whole number of at least ${least}`,
      found: String(value),
      hint: `check ${name}`,
    })
}

/** @throws UsageError unless `value` is a finite number above 0 */
export function checkPositive(operation: string, name: string, value: number): void {
  if (!(typeof value === 'number' && value > 0 && Number.isFinite(value)))
    throw new UsageError({
      operation,
      expected: `${name} to be a number above 0`,
      found: String(value),
      hint: `check ${name}`,
    })
}
