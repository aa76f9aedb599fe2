import { type Tensor, tensor } from '../tensor/index.js'

/**
 * Another model's embedding for one that is narrower and projects it to the model's width: tokens, positions
 * and types along the principal components of the token vectors, and the projection back from them, which
 * does what the other's norm did behind it.
 *
 * @param known the other model's weights by their paths
 * @param rows for each token the other's id; -1 where it hasn't it
 */
export function narrowedEmbedding(
  known: ReadonlyMap<string, Tensor>,
  rows: Int32Array,
): (path: string, like: Tensor) => Tensor | undefined {
  const table = known.get('embedding.weight')
  if (table === undefined || known.has('projection.weight')) return () => undefined
  const width = table.size('width' as never)
  const tokens = table.values(['vocabulary', 'width'] as never) as Float32Array
  /** Components by rows: as many numbers as the other's width each. */
  let basis: Float64Array | undefined
  const basisOf = (): Float64Array => (basis ??= principalComponents(centred(tokens, rows, width), width))
  const along = (
    from: ArrayLike<number>,
    row: number,
    narrow: number,
    into: Float32Array,
    at: number,
  ): void => {
    const components = basisOf()
    let mean = 0
    for (let i = 0; i < width; i++) mean += from[row * width + i]! / width
    for (let j = 0; j < narrow; j++) {
      let sum = 0
      for (let i = 0; i < width; i++) sum += (from[row * width + i]! - mean) * components[j * width + i]!
      into[at * narrow + j] = sum
    }
  }
  return (path, like) => {
    const sizes = Object.fromEntries(like.layout.map(({ name, size }) => [name, size]))
    const numbers = Float32Array.from(like.values(like.layout.map(({ name }) => name) as never))
    const made = (): Tensor => tensor(numbers, like.shape)
    const narrow = sizes['width']!
    if (path === 'embedding.weight' && narrow < width) {
      rows.forEach((row, id) => row >= 0 && along(tokens, row, narrow, numbers, id))
      return made()
    }
    if ((path === 'position' || path === 'tokenType') && narrow < width) {
      const other = known.get(path)
      if (other === undefined) return undefined
      const from = other.values([path, 'width'] as never)
      const count = Math.min(sizes[path]!, from.length / width)
      for (let row = 0; row < count; row++) along(from, row, narrow, numbers, row)
      return made()
    }
    const norm = known.get('embeddingNorm.weight')?.values(['width'] as never)
    if (path === 'projection.bias') {
      const shift = known.get('embeddingNorm.bias')
      return shift && tensor(shift.values(['width'] as never), like.shape)
    }
    if (path !== 'projection.weight' || sizes['narrow']! >= width) return undefined
    // The norm gives narrow vectors a length of √narrow, where the other's had √width.
    const components = basisOf()
    const factor = Math.sqrt(width / sizes['narrow']!)
    const axes = like.layout.map(({ name }) => name)
    const inner = axes.indexOf('narrow') === 0
    for (let j = 0; j < sizes['narrow']!; j++)
      for (let i = 0; i < width; i++)
        numbers[inner ? j * width + i : i * sizes['narrow']! + j] =
          components[j * width + i]! * factor * (norm?.[i] ?? 1)
    return made()
  }
}

/** Components are of so many vectors at most, evenly over the vocabulary. */
const mostVectors = 4096

/** The token vectors that are used, as a norm has them: mean 0, length √width. */
function centred(tokens: Float32Array, rows: Int32Array, width: number): Float64Array {
  const known = rows.filter((row) => row >= 0)
  const step = Math.ceil(known.length / mostVectors)
  const used = known.filter((_, i) => i % step === 0)
  const made = new Float64Array(used.length * width)
  used.forEach((row, at) => {
    const own = tokens.subarray(row * width, (row + 1) * width)
    const mean = own.reduce((sum, number) => sum + number, 0) / width
    const deviation = Math.sqrt(own.reduce((sum, number) => sum + (number - mean) ** 2, 0) / width) || 1
    for (let i = 0; i < width; i++) made[at * width + i] = (own[i]! - mean) / deviation
  })
  return made
}

/** All components by rows, those along which the vectors differ most first. */
function principalComponents(vectors: Float64Array, width: number): Float64Array {
  const products = new Float64Array(width * width)
  for (let start = 0; start < vectors.length; start += width)
    for (let i = 0; i < width; i++) {
      const first = vectors[start + i]!
      for (let j = 0; j <= i; j++) products[i * width + j]! += first * vectors[start + j]!
    }
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++) products[j * width + i] = products[i * width + j]!
  return eigenvectors(products, width)
}

/**
 * The eigenvectors of a symmetric matrix by rows, of the largest eigenvalue first, by Jacobi's rotations
 * (Golub and Van Loan 2013, "Matrix Computations", section 8.5). The largest number of each is positive.
 */
export function eigenvectors(matrix: Float64Array, size: number): Float64Array {
  const a = matrix
  const vectors = new Float64Array(size * size)
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1
  const total = a.reduce((sum, number) => sum + number * number, 0)
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0
    for (let p = 0; p < size; p++) for (let q = 0; q < p; q++) off += 2 * a[p * size + q]! ** 2
    if (off <= 1e-20 * total) break
    for (let p = 0; p < size - 1; p++)
      for (let q = p + 1; q < size; q++) {
        const between = a[p * size + q]!
        if (between === 0) continue
        const ratio = (a[q * size + q]! - a[p * size + p]!) / (2 * between)
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1))
        const cosine = 1 / Math.sqrt(tangent * tangent + 1)
        rotate(a, size, { p, q, cosine, sine: tangent * cosine })
        rotateRows(vectors, size, { p, q, cosine, sine: tangent * cosine })
      }
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((x, y) => a[y * size + y]! - a[x * size + x]!)
  const sorted = new Float64Array(size * size)
  order.forEach((row, at) => {
    const own = vectors.subarray(row * size, (row + 1) * size)
    const largest = own.reduce((best, number) => (Math.abs(number) > Math.abs(best) ? number : best), 0)
    sorted.set(largest < 0 ? own.map((number) => -number) : own, at * size)
  })
  return sorted
}

interface Rotation {
  readonly p: number
  readonly q: number
  readonly cosine: number
  readonly sine: number
}

function rotate(a: Float64Array, size: number, rotation: Rotation): void {
  const { p, q, cosine, sine } = rotation
  for (let i = 0; i < size; i++) {
    const first = a[i * size + p]!
    const second = a[i * size + q]!
    a[i * size + p] = cosine * first - sine * second
    a[i * size + q] = sine * first + cosine * second
  }
  rotateRows(a, size, rotation)
}

function rotateRows(a: Float64Array, size: number, { p, q, cosine, sine }: Rotation): void {
  const row = p * size
  const other = q * size
  for (let i = 0; i < size; i++) {
    const first = a[row + i]!
    const second = a[other + i]!
    a[row + i] = cosine * first - sine * second
    a[other + i] = sine * first + cosine * second
  }
}
