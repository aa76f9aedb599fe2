import { expect, test } from 'vitest'
import { assemble, kernel, printProgram, type Machine, type ParameterType } from './index.js'

const machine: Machine = {
  name: 'wasm',
  lanes: 4,
  registers: 16,
  floatBytes: 4,
  math: false,
  fused: true,
  dots: new Set(),
}

function printed<const P extends Readonly<Record<string, ParameterType>>>(
  parameters: P,
  write: Parameters<typeof kernel<P>>[2],
): string {
  return printProgram(assemble(kernel('example', parameters, write), machine))
}

test('a kernel reads as it was written', () => {
  const text = printed({ x: 'f32*', y: 'f32*', factor: 'f32', count: 'i32' }, (k, p, task) => {
    const start = task.mul(64)
    k.loop(0, p.count, 4, (i) => {
      const at = start.add(i)
      k.store(p.y.at(at), k.load(p.x.at(at)).fma(p.factor, k.load(p.y.at(at))))
    })
  })
  expect(text).toBe(`kernel example (x: f32*, y: f32*, factor: f32, count: i32)
on wasm: 4 lanes of 32-bit floats, multiply-adds rounded once
for each task:
  r7: i32 = task << 6
  for i8 from 0 to count by 4:
    r11: i32 = r7 + i8
    store f32 at y + (r11 << 2): fma(load[f32 lanes at x + (r11 << 2)], broadcast(factor), load[f32 lanes at y + (r11 << 2)])
`)
})

test('what is read before a store or an assignment stands before it', () => {
  const text = printed({ x: 'f32*' }, (k, { x }) => {
    const before = k.loadScalar(x)
    const sum = k.variable(k.float(0))
    const old = sum.get()
    sum.set(old.add(1))
    k.store(x, sum.get())
    k.store(x.at(1), before.add(old))
  })
  const lines = text.split('\n').slice(3)
  expect(lines).toEqual([
    '  var v0: f32 := 0.0',
    '  r4: f32 = v0',
    '  v0 := v0 + 1.0',
    '  r2: f32 = load[f32 one at x]',
    '  store f32 at x: v0',
    '  store f32 at x + 4: r2 + r4',
    '',
  ])
})

test('branches, loops with a condition, masks and reductions', () => {
  const text = printed({ x: 'f32*', count: 'i32' }, (k, { x, count }) => {
    const left = k.variable(count)
    k.while(
      () => left.get().gt(0),
      () => left.set(left.get().sub(1)),
    )
    const mask = k.tail(count)
    k.if(
      count.lt(4),
      () => k.store(x, k.load(x, mask).sum()),
      () => k.store(x, k.load(x).exp(), mask),
    )
  })
  expect(text).toContain('  repeat:\n    unless v0 > 0: stop\n    v0 := v0 − 1\n')
  expect(text).toContain('  if count < 4:\n    store f32 at x: sum of lanes(load[f32 lanes at x where ')
  expect(text).toContain('  else:\n')
  expect(text).toMatch(/store f32 at x where \S+: /)
})

test('a result that nobody uses is left out, and long expressions are cut', () => {
  const text = printed({ x: 'f32*' }, (k, { x }) => {
    k.loadScalar(x.at(7))
    let value = k.loadScalar(x)
    for (let i = 0; i < 40; i++) value = value.mul(value.add(i))
    k.store(x, value)
  })
  expect(text).not.toContain('x + 28')
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(160)
})
