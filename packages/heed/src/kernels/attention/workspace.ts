import type { Builder, Machine, Pointer } from '../language/index.js'
import type { LaunchValues } from '../launch.js'
import type { AttentionDefinition, AttentionSizes, StoredFloat } from './definition.js'
import type { ForwardPlaces, Place } from './places.js'
import { roundUp } from './tile.js'

/** Some of batch × kvHeads, one after the other. */
export interface Chunk {
  readonly first: number
  readonly matrices: number
}

/** As many matrices at a time as the limit allows, at least one; the first chunk is the largest. */
export function chunksOf(matrices: number, bytesEach: number, limit: number): Chunk[] {
  const step = Math.max(1, Math.min(matrices, Math.floor(limit / Math.max(1, bytesEach))))
  return Array.from({ length: Math.ceil(matrices / step) }, (_, i) => ({
    first: i * step,
    matrices: Math.min(step, matrices - i * step),
  }))
}

/** Byte offsets of the parts, 64-byte aligned, for numbers of float elements. */
export function workspaceLayout<P extends string>(
  { floatBytes }: Machine,
  elements: Readonly<Record<P, number>>,
): { offsets: Record<P, number>; total: number } {
  const offsets = {} as Record<P, number>
  let total = 0
  for (const part of Object.keys(elements) as P[]) {
    offsets[part] = total
    total = roundUp(total + elements[part] * floatBytes, 64)
  }
  return { offsets, total }
}

/** Where the parts of a task's scratch memory start, in elements, and how many there are. */
export interface ScratchLayout<P extends string> {
  readonly starts: Readonly<Record<P, number>>
  readonly total: number
}

/** Each part at a multiple of 16 elements. */
export function scratchLayout<P extends string>(elements: Readonly<Record<P, number>>): ScratchLayout<P> {
  const starts = {} as Record<P, number>
  let total = 0
  for (const part of Object.keys(elements) as P[]) {
    starts[part] = total
    total += roundUp(elements[part], 16)
  }
  return { starts, total }
}

/** The parts, in the scratch memory of a kernel that is written. */
export function scratchParts<P extends string>(
  k: Builder,
  { starts }: ScratchLayout<P>,
): Readonly<Record<P, Pointer<'f32'>>> {
  const scratch = k.scratch('f32')
  const parts = {} as Record<P, Pointer<'f32'>>
  for (const part of Object.keys(starts) as P[]) parts[part] = scratch.at(starts[part])
  return parts
}

/** The parameters that say where a tensor lies: its address, and the strides of its outer axes. */
export type PlaceParameters<N extends string> = { readonly [K in N]: 'f32*' } & {
  readonly [K in `${N}${'Batch' | 'Head' | 'Row'}`]: 'i32'
}

export function placeParameters<const N extends string>(name: N): PlaceParameters<N> {
  return {
    [name]: 'f32*',
    [`${name}Batch`]: 'i32',
    [`${name}Head`]: 'i32',
    [`${name}Row`]: 'i32',
  } as PlaceParameters<N>
}

const placeNames = new Map<string, { readonly batch: string; readonly head: string; readonly row: string }>()

export function placeValues<const N extends string>(
  name: N,
  { address, batch, head, row }: Place,
): LaunchValues<PlaceParameters<N>> {
  let names = placeNames.get(name)
  // Names that are put together anew are slow keys.
  if (names === undefined)
    placeNames.set(name, (names = { batch: `${name}Batch`, head: `${name}Head`, row: `${name}Row` }))
  return {
    [name]: address,
    [names.batch]: batch,
    [names.head]: head,
    [names.row]: row,
  } as LaunchValues<PlaceParameters<N>>
}

/** The parameters of a tensor that may be stored in half precision. */
export type StoredParameters<N extends string> = { readonly [K in N]: `${StoredFloat}*` } & Omit<
  PlaceParameters<N>,
  N
>

export function storedParameters<const N extends string>(name: N, element: StoredFloat): StoredParameters<N> {
  return { ...placeParameters(name), [name]: `${element}*` } as unknown as StoredParameters<N>
}

/** The parameters of kernels that say where query, key and value lie, and how many there are. */
export type SourceParameters = StoredParameters<'query'> &
  StoredParameters<'key'> &
  StoredParameters<'value'> & {
    readonly heads: 'i32'
    readonly kvHeads: 'i32'
    readonly queries: 'i32'
    readonly keys: 'i32'
  }

export function sourceParameters({ stored }: AttentionDefinition): SourceParameters {
  return {
    ...storedParameters('query', stored.query),
    ...storedParameters('key', stored.key),
    ...storedParameters('value', stored.value),
    heads: 'i32',
    kvHeads: 'i32',
    queries: 'i32',
    keys: 'i32',
  }
}

export function sourceValues(
  { query, key, value }: Pick<ForwardPlaces, 'query' | 'key' | 'value'>,
  { heads, kvHeads, queries, keys }: AttentionSizes,
): LaunchValues<SourceParameters> {
  return {
    ...placeValues('query', query),
    ...placeValues('key', key),
    ...placeValues('value', value),
    heads,
    kvHeads,
    queries,
    keys,
  }
}
