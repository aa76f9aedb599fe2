import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Device } from '../../device/index.js'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../../targets/index.js'
import { erf } from '../../targets/interpreter/mathematics.js'
import { activations } from '../expression/index.js'
import {
  type MatmulActivation,
  type MatmulAxis,
  matmulPackedB,
  type MatmulRequest,
  planMatmul,
  planPackB,
} from './index.js'
import { plainMatmul } from './plain.js'

const { relaxed } = wasmFeatures()
const wasm = (lanes: 4 | 8, threads: number): Device =>
  new Device(wasmTarget({ lanes, relaxed, shared: threads > 1 }), { shared: threads > 1, threads })
const devices = {
  interpreter: new Device(interpreter),
  wasm: wasm(4, 1),
  'wasm in pairs': wasm(8, 1),
  ...Object.fromEntries(x64Widths().map((width) => [`x64, ${width} bits`, new Device(x64Target({ width }))])),
}

type Role = 'batch' | 'm' | 'n' | 'k'
type Operand = 'a' | 'b' | 'c' | 'bias' | 'residual'
const roles: Readonly<Record<Operand, readonly Role[]>> = {
  a: ['batch', 'm', 'k'],
  b: ['batch', 'k', 'n'],
  c: ['batch', 'm', 'n'],
  bias: ['batch', 'm', 'n'],
  residual: ['batch', 'm', 'n'],
}

interface Case {
  readonly sizes: Readonly<Record<Role, readonly number[]>>
  readonly seed: number
  /** Whether operands may lack or repeat along axes of their own, and have gaps. */
  readonly wild: boolean
  readonly bias: boolean
  readonly residual: boolean
  readonly scale: number
  readonly activation: MatmulActivation
  readonly packAhead: boolean
}

/** Strides from a random order of the axes. C gets no repeats. */
function layOut({ sizes, seed, wild }: Case): {
  axes: Record<Role, MatmulAxis[]>
  extents: Record<Operand, number>
} {
  const next = generator(seed)
  const all = (Object.keys(sizes) as Role[]).flatMap((role) =>
    sizes[role].map((size) => ({ role, size, a: 0, b: 0, c: 0, bias: 0, residual: 0 })),
  )
  const extents = {} as Record<Operand, number>
  for (const operand of Object.keys(roles) as Operand[]) {
    const own = all.filter(({ role }) => roles[operand].includes(role))
    if (wild || next() < 0.5) own.sort(() => next() - 0.5)
    let extent = 1
    for (const axis of own.reverse()) {
      const may = wild || operand === 'bias'
      if (operand !== 'c' && may && next() < 0.2) continue
      if (wild && next() < 0.2) extent += 1 + Math.floor(next() * 3)
      axis[operand] = extent
      extent *= axis.size
    }
    extents[operand] = Math.max(extent, 1)
  }
  const axes = { batch: [], m: [], n: [], k: [] } as Record<Role, MatmulAxis[]>
  for (const { role, ...axis } of all) axes[role].push(axis)
  return { axes, extents }
}

function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((state >>> 8) + 0.5) / 2 ** 24
  }
}

const guard = 8
const sentinel = 12345.5

/**
 * Runs a case, holds every element against the definition and everything around C against what it was. Gives
 * C's elements.
 */
function check(device: Device, given: Case): number[] {
  const { heap, floatBytes } = device
  const { machine } = device.target
  const { axes, extents } = layOut(given)
  const next = generator(given.seed + 1)
  const floats = (): Float32Array | Float64Array => (floatBytes === 8 ? heap.f64 : heap.f32)
  const blocks: number[] = []
  const allocate = (bytes: number): number => {
    const address = heap.allocate(bytes)
    blocks.push(address)
    return address
  }
  const place = (operand: Operand): number => {
    const address = allocate((extents[operand] + 2 * guard) * floatBytes)
    const values = floats().subarray(
      address / floatBytes,
      address / floatBytes + extents[operand] + 2 * guard,
    )
    if (operand === 'c') values.fill(sentinel)
    else for (let i = 0; i < values.length; i++) values[i] = Math.fround(next() * 2 - 1)
    return address + guard * floatBytes
  }
  const request: MatmulRequest = {
    machine,
    ...axes,
    a: place('a'),
    b: place('b'),
    c: place('c'),
    scale: given.scale,
    activation: given.activation,
    ...(given.bias && { bias: place('bias') }),
    ...(given.residual && { residual: place('residual') }),
  }
  const packed = given.packAhead ? matmulPackedB(request) : undefined
  const target = packed && allocate(packed.bytes)
  const launches = [
    ...(target === undefined ? [] : planPackB(request, target)),
    ...planMatmul({ ...request, allocate, ...(target !== undefined && { packedB: target }) }),
  ]
  for (const { kernel, parameters, tasks, scratchBytes } of launches)
    device.launch(kernel, parameters, tasks, scratchBytes)

  const values = floats()
  const element = (address: number): number => address / floatBytes
  const counted = {
    ...axes,
    scale: given.scale,
    activation: given.activation,
    a: element(request.a),
    b: element(request.b),
    c: element(request.c),
    ...(request.bias !== undefined && { bias: element(request.bias) }),
    ...(request.residual !== undefined && { residual: element(request.residual) }),
  }
  const depth = given.sizes.k.reduce((x, y) => x * y, 1)
  const epsilon = floatBytes === 8 ? 2 ** -52 : 2 ** -23
  const written = new Map<number, number>()
  plainMatmul(counted, values, erf, (index, value, magnitude) => {
    written.set(index, values[index]!)
    const error = Math.abs(values[index]! - value)
    // k roundings of the sum; the epilogue's own, and its functions' (as exact as the polynomials are).
    const bound = epsilon * ((depth + 2) * magnitude * 2 + 16 * (1 + Math.abs(value)))
    if (!(error <= bound))
      expect.fail(
        `element ${index - counted.c}: ${values[index]} instead of ${value}, off by ${error}, bound ${bound}, launches ${launches.map(({ kernel }) => kernel.name).join(' ')}`,
      )
  })
  const start = counted.c - guard
  for (let i = start; i < counted.c + extents.c + guard; i++) {
    if (!written.has(i) && values[i] !== sentinel)
      expect.fail(
        `wrote outside C, at ${i - counted.c}: ${launches.map(({ kernel }) => kernel.name).join(' ')}`,
      )
  }
  for (const address of blocks) heap.free(address)
  return [...written.values()]
}

const size = fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom<number>(0, 8, 15, 16, 17, 33))
const activation = fc.constantFrom<MatmulActivation>(
  'none',
  'none',
  ...(Object.keys(activations) as MatmulActivation[]),
)
const sizesOf = (most: number, each = size): fc.Arbitrary<number[]> =>
  fc.array(each, { minLength: 0, maxLength: most })
const options = {
  seed: fc.integer(),
  wild: fc.boolean(),
  bias: fc.boolean(),
  residual: fc.boolean(),
  packAhead: fc.boolean(),
  scale: fc.constantFrom(1, 0.125, -2),
  activation,
}
const anyAxes = fc
  .record({
    sizes: fc.record({ batch: sizesOf(2), m: sizesOf(2), n: sizesOf(2), k: sizesOf(2) }),
    ...options,
  })
  .filter(
    ({ sizes }) =>
      Object.values(sizes)
        .flat()
        .reduce((x, y) => x * Math.max(1, y), 1) < 60_000,
  )
const edge = fc.constantFrom<number>(1, 2, 3, 4, 5, 8, 13, 31, 64, 65, 100)
const oneAxis = fc
  .record({
    sizes: fc.record({
      batch: fc.constantFrom<number[]>([], [2]),
      m: fc.tuple(edge),
      n: fc.tuple(edge),
      k: fc.tuple(fc.constantFrom<number>(1, 2, 7, 64, 300, 1700)),
    }),
    ...options,
  })
  .filter(
    ({ sizes }) =>
      Object.values(sizes)
        .flat()
        .reduce((x, y) => x * y, 1) < 2_000_000,
  )

/** Of A and B as they lie, and transposed: A is read by columns, or copied where they are far apart. */
const wide = fc.record({
  sizes: fc
    .constantFrom<[number, number, number]>([40, 200, 40], [100, 333, 9], [9, 200, 100], [800, 200, 3])
    .map(([m, n, k]) => ({
      batch: [],
      m: [m],
      n: [n],
      k: [k],
    })),
  ...options,
})

describe.each(Object.entries(devices))('matmul on %s', (_, device) => {
  test('any axes, strides and epilogue', () => {
    fc.assert(
      fc.property(anyAxes, (given) => void check(device, given)),
      { numRuns: 300 },
    )
  })

  test('edges of tiles, long k', () => {
    fc.assert(
      fc.property(oneAxis, (given) => void check(device, given)),
      { numRuns: 60 },
    )
  })

  test('wide, in any order of its axes', () => {
    fc.assert(
      fc.property(wide, (given) => void check(device, given)),
      { numRuns: 12 },
    )
  })
})
