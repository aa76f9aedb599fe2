import { UsageError } from './errors.js'
import { nearest } from './nearest.js'

/** @throws UsageError unless `value` is a whole number of at least `least` */
export function checkWhole(operation: string, name: string, value: number, least = 0): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError({
      operation,
      expected: `${name} to be a whole number of at least ${least}`,
      found: inWords(value),
      hint: `check ${name}`,
    })
}

/** @throws UsageError unless `value` is a finite number above 0 */
export function checkPositive(operation: string, name: string, value: number): void {
  if (!(typeof value === 'number' && value > 0 && Number.isFinite(value)))
    throw new UsageError({
      operation,
      expected: `${name} to be a number above 0`,
      found: inWords(value),
      hint: `check ${name}`,
    })
}

/**
 * Refuses options that nobody reads, with the name that was probably meant: TypeScript does, JavaScript does
 * not.
 *
 * @param record what it is called, where it isn't the options themselves: `evaluation`
 * @throws UsageError for options that are no record, or a name that is not known
 */
export function checkNames(
  operation: string,
  given: object | undefined,
  known: readonly string[],
  record: string = 'options',
): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new UsageError({
      operation,
      expected: `${record} to be a record`,
      found: given === null ? 'null' : Array.isArray(given) ? 'an array' : typeof given,
      hint: `write { ${known.slice(0, 2).join(', ')} }`,
    })
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    throw new UsageError({
      operation,
      expected: `${record} with no other names than ${known.join(', ')}`,
      found: `'${name}'`,
      hint: meant === undefined ? 'remove it, or correct its name' : `did you mean '${meant}'?`,
    })
  }
}

/** @throws UsageError unless it is a number, of whatever size */
export function checkNumber(operation: string, name: string, value: unknown): void {
  if (typeof value === 'number') return
  throw new UsageError({
    operation,
    expected: `${name} to be a number`,
    found: inWords(value),
    hint: 'convert it first: Number(text)',
  })
}

/**
 * Numbers in a row that may come from JavaScript. Lists of it may hold anything; typed arrays hold numbers.
 *
 * @throws UsageError unless it is a typed array, or a list of numbers, of whatever sizes
 */
export function checkNumbers(operation: string, name: string, values: unknown): void {
  if (ArrayBuffer.isView(values) && !(values instanceof DataView)) return
  if (!Array.isArray(values))
    throw new UsageError({
      operation,
      expected: `${name} to be a list of numbers`,
      found: inWords(values),
      hint: 'give an array, or a typed array',
    })
  const wrong = values.findIndex((value) => typeof value !== 'number')
  if (wrong >= 0) checkNumber(operation, `${name}[${wrong}]`, values[wrong])
}

/** @throws UsageError where one of these options is given and is neither true nor false */
export function checkBooleans<O extends object>(
  operation: string,
  options: O,
  names: readonly (keyof O & string)[],
): void {
  for (const name of names) {
    const value: unknown = options[name]
    if (value === undefined || typeof value === 'boolean') continue
    throw new UsageError({
      operation,
      expected: `${name} to be true or false`,
      found: inWords(value),
      hint: `check ${name}`,
    })
  }
}

/** @throws UsageError unless it is a function */
export function checkFunction(operation: string, name: string, value: unknown): void {
  if (typeof value === 'function') return
  throw new UsageError({
    operation,
    expected: `${name} to be a function`,
    found: inWords(value),
    hint: 'write () => …',
  })
}

/** A value that is none of those expected, shortly. */
export function inWords(value: unknown): string {
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`
  if (typeof value === 'bigint') return `the bigint ${value}`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : String(value)
}
