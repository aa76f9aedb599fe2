import { Device } from '../../device/index.js'
import { interpreter, wasmFeatures, wasmTarget } from '../../targets/index.js'

/** The devices that training is tested on: the oracle in f64, and WebAssembly on one thread and on two. */
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
]
