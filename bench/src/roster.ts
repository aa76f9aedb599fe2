/** Who takes part. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type Participant = { name: string; role: 'heed' | 'peer' | 'limit'; module: string; variant: string }

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Each engine, once for every set-up that may be its best. */
export function engines(target: string): Participant[] {
  const heed: Participant = { name: 'heed', role: 'heed', module: at('./heed.js'), variant: target }
  const peer = (name: string, file: string, variant: string): Participant => ({
    name,
    role: 'peer',
    module: at(`../peers/dist/${file}.js`),
    variant,
  })
  const peers = [
    peer('onnxruntime-web', 'onnxruntime', '2 threads'),
    peer('tfjs-wasm', 'tfjs', '1 thread'),
    peer('jax-js', 'jax', '1 thread'),
    peer('jax-js, 2 threads', 'jax', '2 threads'),
  ]
  return [heed, ...peers.filter(({ module }) => existsSync(module))]
}

/** What the machine can do at most, measured in the same rounds. */
export function limits(kind: 'arithmetic' | 'memory' | 'none'): Participant[] {
  const names = {
    arithmetic: ['fma 1 thread', 'fma 2 threads', 'multiply, add 1 thread', 'multiply, add 2 threads'],
    memory: ['copy 1 thread', 'copy 2 threads', 'triad 1 thread', 'triad 2 threads'],
    none: [],
  }[kind]
  return names.map((name) => ({
    name: `limit: ${name}`,
    role: 'limit',
    module: at('./limit.js'),
    variant: `limit ${name}`,
  }))
}
