import { Device } from '../../device/index.js'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../../targets/index.js'

/**
 * The devices that training is tested on: the oracle in f64, WebAssembly on one thread and on two, machine
 * code.
 */
export const devices: readonly (readonly [name: string, device: Device])[] = [
  ['interpreter', new Device(interpreter)],
  ['wasm', new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))],
  [
    'wasm on two threads',
    new Device(wasmTarget({ lanes: 4, relaxed: wasmFeatures().relaxed, shared: true }), {
      shared: true,
      threads: 2,
    }),
  ],
  ...x64Widths().map(
    (width) =>
      [`x64, ${width} bits`, new Device(x64Target({ width }), { shared: true, threads: 2 })] as const,
  ),
]
