import { expect, test } from 'vitest'
import { randomKey, symmetricEigenvectors, solvePositive, UsageError } from './index.js'
import { uniformAt } from './random.js'

function symmetric(size: number, seed: number): Float64Array {
  const key = randomKey(seed)
  const a = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) a[i * size + j] = a[j * size + i] = uniformAt(key, i * size + j) - 0.5
  return a
}

test.each([1, 2, 7, 40])('eigenvectors make the matrix again: %i', (size) => {
  const a = symmetric(size, size)
  const { values, vectors } = symmetricEigenvectors(a, size)
  let worst = 0
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let [again, product] = [0, 0]
      for (let k = 0; k < size; k++) {
        again += values[k]! * vectors[k * size + i]! * vectors[k * size + j]!
        product += vectors[i * size + k]! * vectors[j * size + k]!
      }
      worst = Math.max(worst, Math.abs(again - a[i * size + j]!), Math.abs(product - (i === j ? 1 : 0)))
    }
  expect(worst).toBeLessThan(1e-12)
  expect([...values]).toEqual([...values].sort((x, y) => y - x))
})

test('systems of equations are solved', () => {
  const size = 12
  const b = symmetric(size, 3)
  const a = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      for (let k = 0; k < size; k++)
        a[i * size + j]! += b[i * size + k]! * b[j * size + k]! + (i === j ? 0.01 : 0)
  const right = Float64Array.from({ length: size * 2 }, (_, i) => Math.sin(i))
  const x = solvePositive(a, right, size, 2)
  let worst = 0
  for (let i = 0; i < size; i++)
    for (let c = 0; c < 2; c++) {
      let sum = 0
      for (let k = 0; k < size; k++) sum += a[i * size + k]! * x[k * 2 + c]!
      worst = Math.max(worst, Math.abs(sum - right[i * 2 + c]!))
    }
  expect(worst).toBeLessThan(1e-9)
  expect(() => solvePositive([1, 2, 2, 1], [1, 1], 2)).toThrow(UsageError)
})
