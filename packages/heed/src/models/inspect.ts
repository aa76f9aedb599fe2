/** What a checkpoint is, without reading its weights. */
import { FormatError, leavesOf, randomKey, sizeOf } from '../base/index.js'
import { BindingTable, describing, isWanted, type WantedLeaf } from '../checkpoint/index.js'
import { type FileTensors, openWeights } from '../formats/index.js'
import type { Design, Family } from './architecture.js'
import {
  createDecoder,
  type DecoderConfig,
  decoderDesign,
  type DecoderDesign,
  llamaLeaves,
} from './decoder/index.js'
import { openCheckpoint, type StoredModel } from './stored-model.js'

/** Tensors of one name but for the layer's number (`#`), and of one shape and dtype. */
export interface TensorGroup {
  readonly name: string
  /** How many there are. */
  readonly count: number
  /** Sizes, the outermost first. */
  readonly shape: readonly number[]
  /** As the file names it. */
  readonly dtype: string
  /** Of all of them, in the file. */
  readonly bytes: number
}

/** What the weights of a model take in memory, in bytes, by what its matrices are rounded to. */
export type WeightMemory = Readonly<Record<'f32' | 'bf16' | 'int8' | 'int4', number>>

/** What a checkpoint is. */
export interface Inspection {
  readonly path: string
  readonly format: FileTensors['format']
  /** Of a model that heed runs. */
  readonly model?:
    | {
        readonly architecture: string
        readonly family: Family
        /** The paper. */
        readonly source: string
        readonly sizes: Pick<Design, 'vocabulary' | 'context' | 'width' | 'layers' | 'heads'>
        readonly memory: WeightMemory
        /** Bytes that keys and values of one position take; of decoders. */
        readonly cacheBytes?: number | undefined
      }
    | undefined
  /** Why heed doesn't run it. */
  readonly reason?: string | undefined
  readonly tokenizer?: { readonly kind: string; readonly tokens: number } | undefined
  /** Why its tokenizer isn't there. */
  readonly tokenizerReason?: string | undefined
  /** Numbers in all tensors. */
  readonly parameters: number
  /** Of all tensors in the files. */
  readonly bytes: number
  readonly groups: readonly TensorGroup[]
}

/**
 * Looks at a checkpoint: which architecture, which tensors, what its tokenizer is and how much memory it will
 * need. Reads headers, the configuration and the tokenizer, and no weights. Weights of an architecture that
 * heed doesn't know are listed, too.
 *
 * @param path as of `loadModel`, or of weights alone
 * @param grouped false: lists each layer's tensors
 * @throws FormatError where there are no weights
 */
export function inspectCheckpoint(
  path: string,
  { grouped = true }: { readonly grouped?: boolean } = {},
): Inspection {
  const stored = attempt(() => openCheckpoint(path))
  const model = 'value' in stored ? attempt(() => modelOf(stored.value)) : stored
  const tokenizer =
    'value' in stored && stored.value.hasTokenizer ? attempt(() => tokenizerOf(stored.value)) : undefined
  const look = (files: FileTensors): Inspection => {
    const tensors = [...files.tensors]
    const elements = (shape: readonly number[]): number => shape.reduce((size, one) => size * one, 1)
    return {
      path,
      format: files.format,
      ...('value' in model ? { model: model.value } : { reason: model.reason }),
      ...(tokenizer === undefined
        ? {}
        : 'value' in tokenizer
          ? { tokenizer: tokenizer.value }
          : { tokenizerReason: tokenizer.reason }),
      parameters: tensors.reduce((sum, [, { shape }]) => sum + elements(shape), 0),
      bytes: tensors.reduce((sum, [, { byteLength }]) => sum + byteLength, 0),
      groups: groupsOf(files, grouped),
    }
  }
  return 'value' in stored ? stored.value.weights(look) : openWeights(path, look)
}

type Attempt<T> = { readonly value: T } | { readonly reason: string }

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work() }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return { reason: error.message }
  }
}

function tokenizerOf(stored: StoredModel): { readonly kind: string; readonly tokens: number } {
  const { definition, size } = stored.tokenizer()
  return { kind: definition.model.type, tokens: size }
}

function groupsOf({ tensors }: FileTensors, grouped: boolean): TensorGroup[] {
  const groups = new Map<string, { readonly first: string; group: TensorGroup }>()
  for (const [name, { shape, dtype, byteLength: bytes }] of tensors) {
    const pattern = name.replace(/(?<=^|\.)\d+(?=\.|$)/, '#')
    const key = grouped ? `${pattern} ${shape.join()} ${dtype}` : name
    const known = groups.get(key)
    if (known === undefined)
      groups.set(key, { first: name, group: { name: pattern, count: 1, shape, dtype, bytes } })
    else known.group = { ...known.group, count: known.group.count + 1, bytes: known.group.bytes + bytes }
  }
  // What stands alone keeps its number.
  return [...groups.values()].map(({ first, group }) =>
    group.count === 1 ? { ...group, name: first } : group,
  )
}

function modelOf({ architecture, design }: StoredModel): Inspection['model'] {
  const like =
    architecture === undefined
      ? createDecoder(design as DecoderConfig, randomKey(0), { initializer: describing })
      : architecture.create(design as Design, randomKey(0), { initializer: describing })
  const table = new BindingTable(architecture?.bindings(design as Design) ?? { leaves: llamaLeaves() })
  const { vocabulary, context, width, layers, heads } = design
  const family = architecture?.family ?? 'decoder'
  return {
    architecture: architecture?.name ?? 'decoder',
    family,
    source: architecture?.source ?? "heed's own decoder",
    sizes: { vocabulary, context, width, layers, heads },
    memory: memoryOf(like, (path) => table.at(path)?.over),
    ...(family === 'decoder' && { cacheBytes: cacheBytes(decoderDesign(design as DecoderDesign)) }),
  }
}

/** The bytes of each format, scales included: one for a column, or for 32 numbers. */
function memoryOf(like: unknown, over: (path: string) => readonly string[] | undefined): WeightMemory {
  const memory = { f32: 0, bf16: 0, int8: 0, int4: 0 }
  const seen = new Set<WantedLeaf>()
  for (const [path, leaf] of leavesOf<WantedLeaf>(like, isWanted)) {
    if (seen.has(leaf)) continue
    seen.add(leaf)
    const size = sizeOf(leaf.shape)
    const summed = over(path)
    const isMatrix = summed !== undefined
    const isTable = 'vocabulary' in leaf.shape
    const eight = size + (4 * size) / Math.max(1, depthOf(leaf, summed ?? []))
    memory.f32 += 4 * size
    memory.bf16 += isMatrix ? 2 * size : 4 * size
    memory.int8 += isMatrix ? eight : 4 * size
    memory.int4 += isMatrix ? (isTable ? eight : size / 2 + size / 8) : 4 * size
  }
  return memory
}

function depthOf({ shape }: WantedLeaf, summed: readonly string[]): number {
  return summed.reduce((depth, name) => depth * (shape[name] ?? 1), 1)
}

function cacheBytes({ blocks }: DecoderDesign): number {
  return blocks.reduce((sum, { shape }) => {
    const { width, heads, keyValueHeads = heads, headWidth = width / heads, valueWidth = headWidth } = shape
    return sum + 4 * keyValueHeads * (headWidth + valueWidth)
  }, 0)
}
