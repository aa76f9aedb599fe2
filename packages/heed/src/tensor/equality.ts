import { isTensor } from './tensor.js'

/**
 * Whether two tensors say the same: dtype, axes, sizes and every number, NaN being NaN and −0 not 0.
 * Undefined where either is no tensor. In the form in which Vitest and Jest take it: after
 * `expect.addEqualityTesters([equalTensors])`, `toEqual` and `toStrictEqual` compare tensors by what they
 * hold, anywhere in a value. Other frameworks compare `toJSON()`:
 * `assert.deepStrictEqual(a.toJSON(), b.toJSON())`.
 *
 * @throws StateError for a tensor that was freed
 */
export function equalTensors(a: unknown, b: unknown): boolean | undefined {
  if (!isTensor(a) || !isTensor(b)) return isTensor(a) || isTensor(b) ? false : undefined
  if (a.dtype !== b.dtype || a.layout.length !== b.layout.length) return false
  for (const [i, { name, size }] of a.layout.entries()) {
    const other = b.layout[i]!
    if (other.name !== name || other.size !== size) return false
  }
  const [x, y] = [a.values(), b.values()]
  for (let i = 0; i < x.length; i++) if (!Object.is(x[i], y[i])) return false
  return true
}
