import type { FloatType, IntegerType, Term } from './term.js'

// Floats of either shape to integers of the same shape and back, where the shape is a type parameter.

/** The 32 bits of each float. */
export function bitsOf<T extends FloatType>(x: Term<T>): Term<IntegerType> {
  return (x as Term<FloatType>).toBits() as Term<IntegerType>
}
/** The floats with these bits. */
export function floatOf<T extends FloatType>(x: Term<IntegerType>): Term<T> {
  return x.fromBits() as unknown as Term<T>
}
/** The integers as floats. */
export function toFloat<T extends FloatType>(x: Term<IntegerType>): Term<T> {
  return x.toFloat() as unknown as Term<T>
}
/** Truncates towards 0. */
export function toInt<T extends FloatType>(x: Term<T>): Term<IntegerType> {
  return (x as Term<FloatType>).toInt() as Term<IntegerType>
}
