/**
 * A model's tensors as a safetensors file and back. A tensor's name is its path in the tree
 * (`blocks.3.attention.query.weight`). The names of its axes stand in the file's metadata, so that a file
 * says what its numbers are.
 */
import {
  f32ArrayToBf16,
  f32ArrayToF16,
  FormatError,
  JsonReader,
  leavesOf,
  mapTree,
  type Dtype,
  type Shape,
  shownNames,
} from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import {
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  withSafetensors,
  writeSafetensors,
} from '../formats/index.js'

/** What f32 tensors are stored as; others keep their dtype. */
export type WeightDtype = 'f32' | 'f16' | 'bf16'

/** Where a file's metadata has the axes' names: a JSON record of tensor name → list of axes. */
const axesKey = 'heed.axes'

/** How `saveWeights` stores numbers, and what the file says beside them. */
export interface SaveOptions {
  /** f32 (default) keeps every bit; f16 and bf16 round to nearest, ties to even. */
  readonly dtype?: WeightDtype
  /** What else the file's metadata are to say. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * A tree's tensors as the bytes of a safetensors file, each row-major in the order of its axes. A tensor that
 * stands at several paths (tied weights) is stored at the first.
 *
 * @throws UsageError for a path or metadata that the format can't hold
 */
export function saveWeights(model: unknown, { dtype = 'f32', metadata = {} }: SaveOptions = {}): Uint8Array {
  return treeBytes(model, dtype, metadata)
}

/**
 * A tree's tensors as `saveWeights` writes them; 'exact' keeps what a device that computes in f64 has of f32
 * tensors, as f64.
 */
export function treeBytes(
  model: unknown,
  dtype: WeightDtype | 'exact',
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const stored = new Map<string, StoredTensor>()
  const axes: Record<string, readonly string[]> = {}
  for (const [path, leaf] of firstPaths<Tensor>(leavesOf(model, isTensor))) {
    axes[path] = leaf.axes
    stored.set(path, storedTensor(leaf, dtype))
  }
  return writeSafetensors(stored, new Map([...Object.entries(metadata), [axesKey, JSON.stringify(axes)]]))
}

/** Each leaf at the first of its paths: a tensor that stands at several is one parameter. */
function firstPaths<L>(leaves: ReadonlyMap<string, L>): Map<string, L> {
  const seen = new Set<L>()
  return new Map(
    [...leaves].filter(([, leaf]) => {
      if (seen.has(leaf)) return false
      if (isTensor(leaf)) seen.add(leaf)
      return true
    }),
  )
}

function storedTensor(leaf: Tensor, as: WeightDtype | 'exact'): StoredTensor {
  const shape = leaf.axes.map((axis) => leaf.size(axis))
  const values = leaf.values()
  if (leaf.dtype === 'i32' || leaf.dtype === 'u8' || leaf.dtype === 'i8')
    return { dtype: leaf.dtype, shape, data: values as Int32Array }
  if (as === 'exact' && values instanceof Float64Array) return { dtype: 'f64', shape, data: values }
  const floats = values instanceof Float32Array ? values : Float32Array.from(values)
  const dtype = leaf.dtype === 'f16' || leaf.dtype === 'bf16' ? leaf.dtype : as
  if (dtype === 'f16') return { dtype, shape, data: f32ArrayToF16(floats) }
  if (dtype === 'bf16') return { dtype, shape, data: f32ArrayToBf16(floats) }
  return { dtype: 'f32', shape, data: floats }
}

/** A leaf that says what tensor is to stand there: a tensor, or a description of one. */
interface Described {
  readonly shape: Shape
  readonly dtype?: Dtype
}

/**
 * A tree of the form of `like`, with the tensors of a safetensors file in the places of its leaves. Floats
 * become f32 whatever the file has. The axes may lie in another order in the file, if the file names them.
 * Where a tensor of `like` stands at several paths, so does the loaded one: that of the first path.
 *
 * @param from the bytes of the file, or its path: then each tensor is read straight to where it stays
 * @param like a tree of tensors, or of anything that `isLeaf` knows and that has a shape
 * @throws FormatError where the file lacks a tensor, has one too many, or one of other axes or sizes
 */
export function loadWeights<M, L extends Described = Tensor>(
  from: Uint8Array | string,
  like: M,
  { file, isLeaf = isTensor as never }: { file?: string; isLeaf?: (value: unknown) => value is L } = {},
): M {
  return typeof from === 'string'
    ? withSafetensors(from, (read) => loadFrom(read, like, isLeaf, file ?? from))
    : loadFrom(readSafetensors(from, file), like, isLeaf, file)
}

function loadFrom<M, L extends Described>(
  { tensors, metadata }: Safetensors,
  like: M,
  isLeaf: (value: unknown) => value is L,
  file: string | undefined,
): M {
  const refuse = (expected: string, found: string): never => {
    const hint = 'the weights belong to another model, or to another configuration of it'
    throw new FormatError({ operation: 'loadWeights', expected, found, hint, file })
  }
  const leaves = leavesOf<L>(like, isLeaf)
  const wanted = firstPaths(leaves)
  const missing = [...wanted.keys()].filter((path) => !tensors.has(path))
  if (missing.length > 0)
    refuse(`tensors ${shownNames(missing)}`, `a file of ${shownNames([...tensors.keys()])}`)
  const unknown = [...tensors.keys()].filter((name) => !leaves.has(name))
  if (unknown.length > 0)
    refuse(`only the tensors of the model (${wanted.size})`, `also ${shownNames(unknown)}`)
  const axes = axesIn(metadata.get(axesKey), file)
  const loaded = new Map<L, L>()
  return mapTree(like, isLeaf, (leaf: L, path) => {
    const tied = loaded.get(leaf)
    if (tied !== undefined) return tied
    const stored = tensors.get(path)!
    const names = axes?.get(path) ?? Object.keys(leaf.shape)
    const describe = (shape: Shape): string =>
      Object.entries(shape)
        .map(([axis, size]) => `${axis} ${size}`)
        .join(', ') || 'a scalar'
    const found: Shape = Object.fromEntries(stored.shape.map((size, i) => [names[i] ?? `axis ${i}`, size]))
    const entries = Object.entries(leaf.shape)
    if (
      names.length !== stored.shape.length ||
      entries.length !== names.length ||
      entries.some(([axis, size]) => found[axis] !== size)
    )
      refuse(`'${path}' with ${describe(leaf.shape)}`, describe(found))
    const dtype = leaf.dtype ?? 'f32'
    const float = dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
    if (!float && stored.dtype !== dtype) refuse(`'${path}' in ${dtype}`, stored.dtype)
    const made = stored.toTensor(found, dtype) as unknown as L
    if (isTensor(leaf)) loaded.set(leaf, made)
    return made
  })
}

/** The names of the axes, where the file's metadata say them. */
function axesIn(
  text: string | undefined,
  file: string | undefined,
): ReadonlyMap<string, readonly string[]> | undefined {
  if (text === undefined) return undefined
  const reader = new JsonReader(text, {
    operation: `loadWeights, '${axesKey}' in the metadata`,
    file,
    hint: 'the file is damaged; save the weights again',
    length: Infinity,
  })
  const axes = new Map<string, readonly string[]>()
  reader.record((name) => {
    const names: string[] = []
    reader.list(() => names.push(reader.string()))
    axes.set(name, names)
  })
  reader.end()
  return axes
}
