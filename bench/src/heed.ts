/**
 * heed as the harness sees it. Each function formulates one kind of work (see peer.ts): bring the inputs into
 * heed's heap, return `run`, `read` and `dispose`. Leave out a kind and the tables show it as not done.
 */
import type { Peer } from './peer.js'

/** `variant` is the target asked for with --target: 'wasm', 'x64', or '' for heed's own choice. */
export function load(variant: string): Promise<Peer> {
  return Promise.reject(new Error(`not built${variant && ` (target ${variant})`}`))
}
