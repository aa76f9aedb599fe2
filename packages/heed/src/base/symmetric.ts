/** Symmetric matrices in f64, row by row: eigenvectors, and systems of equations. */
import { UsageError } from './errors.js'

/** The eigenvectors of a symmetric matrix, those of the largest eigenvalues first. */
export interface Eigenvectors {
  /** From the largest on. */
  readonly values: Float64Array
  /** Row i is the vector of eigenvalue i, of length 1. */
  readonly vectors: Float64Array
}

/** Turns over all pairs of rows; convergence is quadratic, some ten suffice. */
const mostSweeps = 40

/**
 * Eigenvalues and eigenvectors by Jacobi's rotations (Golub and Van Loan, "Matrix Computations", section
 * 8.5.3, cyclic by row).
 *
 * @param matrix of size × size numbers, symmetric; it is left as it is
 */
export function symmetricEigenvectors(matrix: ArrayLike<number>, size: number): Eigenvectors {
  const a = Float64Array.from(matrix)
  // Row i: the vector of place i.
  const v = new Float64Array(size * size)
  for (let i = 0; i < size; i++) v[i * size + i] = 1
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i]! ** 2
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let off = 0
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += 2 * a[p * size + q]! ** 2
    if (off <= 1e-26 * total) break
    for (let p = 0; p < size - 1; p++) for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q)
  }
  const order = Array.from({ length: size }, (_, i) => i).sort(
    (i, j) => a[j * size + j]! - a[i * size + i]! || i - j,
  )
  const vectors = new Float64Array(size * size)
  order.forEach((from, to) => vectors.set(v.subarray(from * size, (from + 1) * size), to * size))
  return { values: Float64Array.from(order, (i) => a[i * size + i]!), vectors }
}

/** The rotation that makes element (p, q) 0. */
function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const across = a[p * size + q]!
  if (across === 0) return
  const theta = (a[q * size + q]! - a[p * size + p]!) / (2 * across)
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  const [rowP, rowQ] = [p * size, q * size]
  const [own, other] = [a[rowP + p]! - t * across, a[rowQ + q]! + t * across]
  for (let i = 0; i < size; i++) {
    const [x, y] = [a[rowP + i]!, a[rowQ + i]!]
    const [nextX, nextY] = [c * x - s * y, s * x + c * y]
    a[rowP + i] = nextX
    a[rowQ + i] = nextY
    a[i * size + p] = nextX
    a[i * size + q] = nextY
    const [vx, vy] = [v[rowP + i]!, v[rowQ + i]!]
    v[rowP + i] = c * vx - s * vy
    v[rowQ + i] = s * vx + c * vy
  }
  a[rowP + p] = own
  a[rowQ + q] = other
  a[rowP + q] = 0
  a[rowQ + p] = 0
}

/**
 * The solutions x of matrix · x = right, for several right sides, by Cholesky's factors (Golub and Van Loan,
 * section 4.2).
 *
 * @param matrix of size × size numbers, symmetric and positive definite; it is left as it is
 * @param right size × columns numbers
 * @returns size × columns numbers
 * @throws UsageError where the matrix is not positive definite
 */
export function solvePositive(
  matrix: ArrayLike<number>,
  right: ArrayLike<number>,
  size: number,
  columns: number = 1,
): Float64Array {
  const l = Float64Array.from(matrix)
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = l[i * size + j]!
      for (let k = 0; k < j; k++) sum -= l[i * size + k]! * l[j * size + k]!
      if (i === j) {
        if (!(sum > 0))
          throw new UsageError({
            operation: 'solvePositive',
            expected: 'a positive definite matrix',
            found: `a pivot of ${sum} at ${i}`,
            hint: 'add a small number to its diagonal',
          })
        l[i * size + i] = Math.sqrt(sum)
      } else l[i * size + j] = sum / l[j * size + j]!
    }
  const x = Float64Array.from(right)
  for (let i = 0; i < size; i++) subtractRows(x, columns, i, 0, i, (k) => l[i * size + k]!, l[i * size + i]!)
  for (let i = size - 1; i >= 0; i--)
    subtractRows(x, columns, i, i + 1, size, (k) => l[k * size + i]!, l[i * size + i]!)
  return x
}

/** Row i less the rows from first to end by their factors, over the pivot. */
function subtractRows(
  x: Float64Array,
  columns: number,
  i: number,
  first: number,
  end: number,
  factorOf: (k: number) => number,
  pivot: number,
): void {
  const row = i * columns
  for (let k = first; k < end; k++) {
    const factor = factorOf(k)
    for (let c = 0; c < columns; c++) x[row + c]! -= factor * x[k * columns + c]!
  }
  for (let c = 0; c < columns; c++) x[row + c]! /= pivot
}
