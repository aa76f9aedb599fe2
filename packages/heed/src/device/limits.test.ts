import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { interpreter, wasmFeatures, wasmTarget, x64Widths } from '../targets/index.js'
import { Device } from './index.js'

/** What a process says that may have so many KiB of addresses. */
function limited(kilobytes: number, target: string, flags = ''): string {
  const script = `
    import { dot, normal, randomKey, zeros } from 'heed'
    try {
      const x = normal(randomKey(1), { row: 300, width: 300 })
      const product = dot(x, x.rename({ row: 'column' }), 'width')
      console.log('computed', product.elements)
      zeros({ all: ${kilobytes} * 256 }) // all the bytes that there are, which are taken already in part
    } catch (error) {
      console.log(error.name, error.message)
    }
  `
  const command = `ulimit -v ${kilobytes} && exec "$0" ${flags} --input-type=module --eval "$1"`
  const { stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, script], {
    encoding: 'utf8',
    timeout: 30_000,
    cwd: import.meta.dirname,
    env: { ...process.env, HEED_TARGET: target, HEED_CACHE: '' },
  })
  return stdout || stderr
}

/** It computes, and what the system doesn't give is a typed error. */
const computed = /^computed 90000\nMemoryError allocate: /

// Linux keeps to such a limit; others do as they like.
describe.runIf(process.platform === 'linux')('a process of few addresses', () => {
  test.runIf(x64Widths().length > 0).each([3_000_000, 1_500_000])(
    'runs machine code on a smaller heap (%i KiB)',
    (kilobytes) => expect(limited(kilobytes, 'x64')).toMatch(computed),
  )
  test('runs the interpreter on a smaller heap', () =>
    expect(limited(3_000_000, 'interpreter')).toMatch(computed))
  test('says what to do where WebAssembly has no memory', () => {
    const said = limited(3_000_000, 'wasm')
    // An engine may do with less.
    if (computed.test(said)) return
    expect(said).toMatch(
      /^MemoryError heap: expected memory .* found none: .*ulimit -v.*--disable-wasm-trap-handler/,
    )
  })
  test('runs WebAssembly where it reserves less, on fewer threads', () =>
    expect(limited(1_500_000, 'wasm', '--disable-wasm-trap-handler')).toMatch(computed))
})

test.each([0, -1, 1.5, NaN, Infinity, 257, '2', null])('refuses %s threads', (threads) => {
  expect(() => new Device(interpreter, { threads: threads as number })).toThrow(
    `device: expected threads to be a whole number from 1 to 256, found ${threads}`,
  )
  const { relaxed } = wasmFeatures()
  const target = wasmTarget({ lanes: 4, relaxed, shared: true })
  expect(() => new Device(target, { shared: true, threads: threads as number })).toThrow(/threads/)
})
