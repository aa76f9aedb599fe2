import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { interpreter, wasmFeatures, wasmTarget, x64Widths } from '../targets/index.js'
import { Device } from './index.js'

/** What a process says that may have so many KiB of addresses. */
function limited(kilobytes: number, target: string, flags = ''): string {
  const script = `
    import { currentDevice, dot, normal, randomKey } from 'heed'
    try {
      const x = normal(randomKey(1), { row: 300, width: 300 })
      const product = dot(x, x.rename({ row: 'column' }), 'width')
      const { heap } = currentDevice()
      console.log('computed', product.elements, heap.maximumBytes > 2 ** 24 && heap.maximumBytes < ${kilobytes} * 1024 || '${flags}')
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

// Linux keeps to such a limit; others do as they like.
describe.runIf(process.platform === 'linux')('a process of few addresses', () => {
  test.runIf(x64Widths().length > 0).each([3_000_000, 1_500_000])(
    'runs machine code on a smaller heap (%i KiB)',
    (kilobytes) => expect(limited(kilobytes, 'x64')).toBe('computed 90000 true\n'),
  )
  test('runs the interpreter on a smaller heap', () =>
    expect(limited(3_000_000, 'interpreter')).toBe('computed 90000 true\n'))
  test('says what to do where WebAssembly has no memory', () => {
    const said = limited(3_000_000, 'wasm')
    // An engine may do with less.
    if (said.startsWith('computed')) return
    expect(said).toMatch(
      /^MemoryError heap: expected memory .* found none: .*ulimit -v.*--disable-wasm-trap-handler/,
    )
  })
  test('runs WebAssembly where it reserves less, on fewer threads', () =>
    expect(limited(1_500_000, 'wasm', '--disable-wasm-trap-handler')).toBe(
      'computed 90000 --disable-wasm-trap-handler\n',
    ))
})

test.each([0, -1, 1.5, NaN, Infinity, 257, '2', null])('refuses %s threads', (threads) => {
  expect(() => new Device(interpreter, { threads: threads as number })).toThrow(
    `device: expected threads to be a whole number from 1 to 256, found ${threads}`,
  )
  const { relaxed } = wasmFeatures()
  const target = wasmTarget({ lanes: 4, relaxed, shared: true })
  expect(() => new Device(target, { shared: true, threads: threads as number })).toThrow(/threads/)
})
