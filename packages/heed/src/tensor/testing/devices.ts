import { Device, GuardedHeap } from '../../device/index.js'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../../targets/index.js'

/**
 * Every kind of target: the interpreter in f64; WebAssembly of 4 lanes with one and with two threads, of 8
 * lanes without; machine code, whose stray accesses end the process.
 */
export const devices: readonly (readonly [title: string, device: Device])[] = [
  ['interpreter', new Device(interpreter)],
  ['wasm, 4 lanes', new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))],
  [
    'wasm, 4 lanes, 2 threads',
    new Device(wasmTarget({ lanes: 4, relaxed: wasmFeatures().relaxed, shared: true }), {
      shared: true,
      threads: 2,
    }),
  ],
  ['wasm, 8 lanes', new Device(wasmTarget({ lanes: 8, relaxed: false, shared: false }))],
  ...x64Widths().map(
    (width) => [`x64, ${width} bits`, new Device(x64Target({ width }), { heap: new GuardedHeap() })] as const,
  ),
]
