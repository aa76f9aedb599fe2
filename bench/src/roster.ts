/** Who takes part. */
import { fileURLToPath } from 'node:url'
import type { Options } from './options.js'

export type Participant = { name: string; role: 'heed' | 'peer' | 'limit'; module: string; variant: string }

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const count = (threads: number): string => `${threads} thread${threads === 1 ? '' : 's'}`

/**
 * Each engine, once for every set-up that may be its best. One that is not installed takes part, and says so.
 */
export function engines({ target, threads, peers }: Options): Participant[] {
  const heed: Participant = { name: 'heed', role: 'heed', module: at('./heed.js'), variant: target }
  const peer = (name: string, file: string, variant: string): Participant => ({
    name,
    role: 'peer',
    module: at(`../peers/dist/${file}.js`),
    variant,
  })
  const all = [
    peer('onnxruntime-web', 'onnxruntime', `web, ${count(threads)}`),
    peer('onnxruntime-node', 'onnxruntime', `node, ${count(threads)}`),
    peer('torch', 'torch', count(threads)),
    peer('node-llama-cpp', 'llama', count(threads)),
    peer('tfjs-wasm', 'tfjs', '1 thread'),
    peer('jax-js', 'jax', '1 thread'),
    ...(threads > 1 ? [peer(`jax-js, ${count(threads)}`, 'jax', count(threads))] : []),
  ]
  const wanted = (name: string): boolean => peers.length === 0 || peers.some((part) => name.includes(part))
  return [heed, ...all.filter(({ name }) => wanted(name))]
}

/** What bounds a work: multiply-adds, bytes read and written, or bytes read. */
export type Bound = 'arithmetic' | 'moving' | 'reading' | 'none'

/** What the machine can do at most, measured in the same rounds: from WebAssembly, and from machine code. */
export function limits(bound: Bound, { threads }: Options): Participant[] {
  const works = {
    arithmetic: { wasm: ['fma', 'multiply, add'], x64: ['fma'] },
    moving: { wasm: ['copy', 'triad'], x64: ['copy', 'triad'] },
    reading: { wasm: ['read'], x64: ['read'] },
    none: { wasm: [], x64: [] },
  }[bound]
  return (['wasm', 'x64'] as const).flatMap((target) =>
    works[target].flatMap((work) =>
      [...new Set([1, threads])].map((many): Participant => {
        const variant = `limit ${target} ${work} ${count(many)}`
        return { name: variant.replace('limit', 'limit:'), role: 'limit', module: at('./limit.js'), variant }
      }),
    ),
  )
}
