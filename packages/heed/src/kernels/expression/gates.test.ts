import { describe, expect, test } from 'vitest'
import { bitsAt, randomKey } from '../../base/index.js'
import { interpreter } from '../../targets/index.js'
import { assembled, forms, patterns, worst } from '../../targets/testing/accuracy.js'
import { assemble, type Builder, kernel, type Term } from '../language/index.js'
import { gateDefinitions } from '../testing/gates.js'
import { differentiate } from './differentiate.js'
import { Emitter } from './emit.js'
import { type Expression, float, input, make } from './expression.js'
import { share } from './graph.js'
import type { GateName } from './operation.js'

const names = Object.keys(gateDefinitions) as GateName[]

/** Ulp that each function is within, over all floats; subnormal results too, whose ulp is the least float. */
const bounds: Readonly<Record<GateName, number>> = {
  sigmoid: 3,
  softplus: 2.5,
  silu: 3,
  geluQuick: 3,
  geluTanh: 3,
  gelu: 4,
  gaussian: 2,
  sigmoidSlope: 4.5,
  tanhSlope: 4.5,
  siluSlope: 5,
  geluQuickSlope: 4.5,
  geluTanhSlope: 5,
  geluSlope: 4.5,
}
/** Around the root of a slope the digits must be lost: there the distance counts. */
const roots: Readonly<Partial<Record<GateName, number>>> = {
  siluSlope: -1.2784645,
  geluQuickSlope: -0.7511542,
  geluTanhSlope: -0.7524614,
  geluSlope: -0.7517916,
}
const rootDistance = 0.7
const absoluteBound = 2.5e-7

const key = randomKey(Number(process.env['HEED_SEED'] ?? 1), 'gates.test')
const random = new Float32Array(Int32Array.from({ length: 20_000 }, (_, i) => bitsAt(key, i)).buffer)
const samples = new Float32Array([
  ...patterns(0, 2 ** 16, Infinity),
  ...patterns(bitsAt(key, random.length) % 65521, 65521, Infinity),
  ...random,
  // Where the functions change: densely from −120 to 120.
  ...Array.from({ length: 60_001 }, (_, i) => (i - 30_000) / 250 + bitsAt(key, i) * 1e-12),
  ...[0, Infinity, NaN, 3.4028234e38, 2 ** -149, 2 ** -126, 87.33, 88.73, 103.97, 14.5, 14.8].flatMap((x) => [
    x,
    -x,
  ]),
])

const write =
  (name: GateName) =>
  <T extends 'f32' | 'vector'>(k: Builder, x: Term<T>): Term<T> =>
    new Emitter(k, { input: () => x as never }).emit(make('float', name, [input(0)])) as never

describe.each(names)('%s', (name) => {
  const exact = Float64Array.from(samples, gateDefinitions[name])
  const root = roots[name]
  const near = (x: number): boolean => root !== undefined && Math.abs(x - root) < rootDistance
  const far = samples.map((x) => (near(x) ? 1 : x))
  const exactFar = Float64Array.from(far, gateDefinitions[name])

  test.each(forms)(
    'is within its bound over all floats: $target, $lanes lanes, relaxed $relaxed, scalar $scalar',
    (form) => {
      const run = assembled(`gate ${name}`, form, write(name))
      const found = worst(far, run(far), exactFar)
      // Signs of zeros so far out are nobody's business.
      expect(found.wrong.filter((text) => !/gives -?0, not -?0$/.test(text))).toEqual([])
      expect(found.ulp, `at ${found.ulpAt}`).toBeLessThanOrEqual(bounds[name])
      if (root === undefined) return
      const all = run(samples)
      samples.forEach((x, i) => {
        if (near(x)) expect(Math.abs(all[i]! - exact[i]!), `at ${x}`).toBeLessThanOrEqual(absoluteBound)
      })
    },
  )

  test('the interpreter has it in f64', () => {
    const run = interpreted(name, [input(0)])
    for (const x of [-30, -9.5, -3, -1.1, -0.2, -1e-8, 0, 1e-8, 0.3, 1, 2.5, 7, 30]) {
      const value = gateDefinitions[name](x)
      expect(Math.abs(run(x) - value), `at ${x}`).toBeLessThanOrEqual(2e-13 * Math.max(1e-3, Math.abs(value)))
    }
    expect(run(NaN)).toBeNaN()
  })

  test('its derivative is that of its definition', () => {
    const f = make('float', name, [input(0)]) as Expression<'float'>
    const derivative = [...differentiate(f, float(1))][0]![1]
    const run = interpretedExpression(derivative)
    const h = 1e-4
    for (const x of [-6, -2.3, -1.1, -0.4, 0.05, 0.7, 1.6, 4.2]) {
      const at = (step: number): number => gateDefinitions[name](x + step * h)
      const numeric = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
      expect(Math.abs(run(x) - numeric), `at ${x}`).toBeLessThanOrEqual(2e-11)
    }
  })

  test('of −x with what is known of x', () => {
    for (const form of forms) {
      const both = assembled(`gate ${name} of −x`, form, (k, x) => {
        const emitter = new Emitter(k, { input: () => x as never })
        const [first, second] = share([
          make('float', name, [input(0)]) as Expression<'float'>,
          make('float', name, [input(0).neg()]) as Expression<'float'>,
        ])
        emitter.emit(first!)
        return emitter.emit(second!) as never
      })
      const x = Float32Array.from([-20, -3, -0.5, 0, 0.5, 3, 20, NaN])
      const alone = assembled(`gate ${name}`, form, write(name))(x.map((value) => -value))
      both(x).forEach((value, i) => {
        if (Number.isNaN(alone[i])) expect(value).toBeNaN()
        else expect(Math.abs(value - alone[i]!)).toBeLessThanOrEqual(4e-7 * Math.abs(alone[i]!))
      })
    }
  })
})

function interpreted(name: GateName, operands: readonly Expression[]): (x: number) => number {
  return interpretedExpression(make('float', name, operands) as Expression<'float'>)
}

function interpretedExpression(expression: Expression<'float'>): (x: number) => number {
  const [shared] = share([expression])
  const source = kernel('interpreted', { x: 'f32*' }, (k, { x }) => {
    const value = new Emitter(k, { input: () => k.loadScalar(x) }).emit(shared!)
    k.store(x.at(1), value as Term<'f32'>)
  })
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  const run = interpreter.load(interpreter.emit(assemble(source, interpreter.machine)), memory)
  const heap = new Float64Array(memory.buffer)
  new Int32Array(memory.buffer)[16] = 1024
  return (x) => {
    heap[128] = x
    run(64, 0, 1, 0)
    return heap[129]!
  }
}
