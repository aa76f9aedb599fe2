/** A tree of weights out of a checkpoint's files, by an architecture's bindings. */
import {
  FormatError,
  leavesOf,
  mapTree,
  nearest,
  type RandomKey,
  type Shape,
  shownNames,
  StateError,
} from '../base/index.js'
import type { FileTensor, FileTensors } from '../formats/index.js'
import type { Initializer } from '../nn/index.js'
import { type AnyTensor, full, isTensor, type Tensor, tensor } from '../tensor/index.js'
import { type Binding, type Bindings, BindingTable, type Part } from './binding.js'

/** A leaf that is still to be read: what shape it has. */
export class DescribedTensor {
  readonly shape: Shape
  /** Makes it as it is before training, where it was described for that. */
  readonly make: () => Tensor

  constructor(shape: Shape, make: () => Tensor = unmade) {
    this.shape = shape
    this.make = make
  }
}

function unmade(): never {
  throw new StateError({
    operation: 'load weights',
    expected: 'a leaf that is described with how it is made',
    found: 'one with its shape alone',
    hint: 'describe it with describingLater',
  })
}

/** A leaf of the tree that says what is to stand there. */
export type WantedLeaf = DescribedTensor | Tensor

/** For `create…`: says what shape each leaf has, and makes no tensor. */
export const describing: Initializer = Object.assign(
  <A extends string>(_key: unknown, shape: Shape<A>) => described(shape),
  { constant: described },
)

/** As `describing`, of leaves that some are to be made of later, as `initializer` makes them. */
export function describingLater(initializer: Initializer): Initializer {
  const later = <A extends string>(shape: Shape<A>, make: () => AnyTensor): Tensor<A> =>
    new DescribedTensor(shape, make as () => Tensor) as unknown as Tensor<A>
  const { constant = full } = initializer
  return Object.assign(
    <A extends string>(key: RandomKey, shape: Shape<A>, inputs: number, outputs: number) =>
      later(shape, () => initializer(key, shape, inputs, outputs)),
    {
      constant: <A extends string>(shape: Shape<A>, value: 0 | 1) =>
        later(shape, () => constant(shape, value)),
    },
  )
}

function described<A extends string>(shape: Shape<A>): Tensor<A> {
  return new DescribedTensor(shape) as unknown as Tensor<A>
}

export const isWanted = (value: unknown): value is WantedLeaf =>
  value instanceof DescribedTensor || isTensor(value)

/** How weights are read. */
export interface LoadTreeOptions {
  /** The files' path, for errors. */
  readonly file?: string | undefined
  /**
   * Takes a weight that has just been read and gives what is to stand in its place: a quantized one. Given
   * only leaves that products sum over.
   */
  readonly changed?: ((weight: Tensor, binding: Binding) => unknown) | undefined
  /** Takes a tensor of the file straight to what is to stand there, where it can; else undefined. */
  readonly taken?:
    | ((stored: FileTensor, binding: Binding, shape: Shape, format: FileTensors['format']) => unknown)
    | undefined
}

/** A leaf, its binding and the tensor that it is read from. */
interface Found {
  readonly leaf: WantedLeaf
  readonly binding: Binding
  readonly stored: FileTensor
  readonly name: string
}

/**
 * A tree of the form of `like`, with the tensors of a checkpoint in the places of its leaves, as f32. All
 * names and sizes are checked before anything is read. Tensors that several leaves share are read once.
 *
 * @param like a tree of tensors, or of `DescribedTensor`s
 * @throws FormatError where the file lacks a tensor, has one that nobody asks for, or one of other sizes
 */
export function loadTree<M>(
  files: FileTensors,
  like: M,
  bindings: Bindings,
  { file, changed, taken }: LoadTreeOptions = {},
): M {
  const found = findAll(files, like, bindings, file)
  const reader = new PartReader(found)
  const done = new Map<WantedLeaf, unknown>()
  return mapTree<M, WantedLeaf>(like, isWanted, (leaf, path) => {
    if (done.has(leaf)) return done.get(leaf) as WantedLeaf
    const { binding, stored } = found.get(path)!
    const whole = binding.part === undefined
    let made: unknown
    if (whole && binding.over !== undefined) made = taken?.(stored, binding, leaf.shape, files.format)
    if (made === undefined) {
      const read = reader.read(found.get(path)!, files.format === 'gguf')
      made = binding.over === undefined ? read : (changed?.(read, binding) ?? read)
    }
    done.set(leaf, made)
    return made as WantedLeaf
  })
}

/**
 * What reads the leaves of `like` out of a checkpoint one by one, as f32, while the files are open: a leaf by
 * its path. Throws, at the call, as `loadTree` does.
 */
export function leafReader(
  files: FileTensors,
  like: unknown,
  bindings: Bindings,
  file?: string,
): (path: string) => Tensor {
  const found = findAll(files, like, bindings, file)
  const reader = new PartReader(found)
  return (path) => reader.read(found.get(path)!, files.format === 'gguf')
}

/** Which tensor of the files each leaf is read from, with every name and size checked. */
function findAll(
  files: FileTensors,
  like: unknown,
  bindings: Bindings,
  file: string | undefined,
): Map<string, Found> {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new FormatError({ operation: 'load weights', expected, found, hint, file })
  }
  const gguf = files.format === 'gguf'
  const names = new Map<string, string>()
  for (const name of files.tensors.keys()) {
    const known = gguf ? name : checkpointName(name, bindings)
    const other = names.get(known)
    if (other !== undefined)
      refuse(`one tensor for '${known}'`, `'${other}' and '${name}'`, 'take one of them out of the file')
    names.set(known, name)
  }
  const table = new BindingTable(bindings, gguf ? 'gguf' : 'safetensors')
  const found = new Map<string, Found>()
  const used = new Set<string>()
  const missing: string[] = []
  for (const [path, leaf] of leavesOf<WantedLeaf>(like, isWanted)) {
    const binding = table.at(path)
    const wanted = gguf ? binding?.gguf : binding?.file
    if (binding === undefined || wanted === undefined)
      return refuse(`a place for '${path}' in ${files.format}`, 'none', 'the architecture does not say where')
    const name = names.get(gguf ? wanted : checkpointName(wanted, bindings))
    if (name === undefined) {
      missing.push(wanted)
      continue
    }
    used.add(name)
    let stored = files.tensors.get(name)!
    if (binding.scale !== undefined && /^[iu]\d+$/i.test(stored.dtype)) {
      const scale = files.tensors.get(binding.scale)
      if (scale === undefined) {
        missing.push(binding.scale)
        continue
      }
      used.add(binding.scale)
      stored = divided(stored, scale, (found) =>
        refuse(`one number other than 0 in '${binding.scale}'`, found, 'the file is damaged'),
      )
    }
    const expected = fileShape(binding, leaf.shape)
    if (expected.join() !== stored.shape.join())
      refuse(
        `'${name}' of shape [${expected.join(', ')}] (${binding.axes.join('; ')})`,
        `[${stored.shape.join(', ')}]`,
        'the weights belong to another model, or to another configuration of it',
      )
    found.set(path, { leaf, binding, stored, name })
  }
  const unused = [...files.tensors.keys()].filter((name) => !used.has(name))
  if (missing.length > 0) {
    const close = nearest(missing[0]!, unused)
    refuse(
      `tensors ${shownNames(missing)}`,
      `a file without ${missing.length === 1 ? 'it' : 'them'}`,
      close === undefined
        ? 'the weights belong to another model, or to another configuration of it'
        : `the nearest name in the file is '${close}'`,
    )
  }
  const ignored = (bindings.ignored ?? []).map(patternOf)
  const extra = unused.filter((name) => {
    const known = gguf ? name : checkpointName(name, bindings)
    return !ignored.some((pattern) => pattern.test(known))
  })
  if (extra.length > 0)
    refuse(
      `only the tensors of the model (${used.size})`,
      `also ${shownNames(extra)}`,
      'the weights belong to another model, or to another configuration of it',
    )
  return found
}

/** Says whether files have a tensor for the leaf at a path, of this shape where one is given. */
export function hasLeaf(
  { format, tensors }: FileTensors,
  bindings: Bindings,
): (path: string, shape?: Shape) => boolean {
  const gguf = format === 'gguf'
  const table = new BindingTable(bindings, gguf ? 'gguf' : 'safetensors')
  const found = new Map(
    [...tensors].map(([name, one]) => [gguf ? name : checkpointName(name, bindings), one]),
  )
  return (path, shape) => {
    const binding = table.at(path)
    const name = gguf ? binding?.gguf : binding && checkpointName(binding.file, bindings)
    const stored = name === undefined ? undefined : found.get(name)
    if (stored === undefined || shape === undefined) return stored !== undefined
    return stored.shape.join() === fileShape(binding!, shape).join()
  }
}

/** A tensor whose numbers are divided by another's. */
function divided(stored: FileTensor, scale: FileTensor, refuse: (found: string) => never): FileTensor {
  const count = scale.shape.reduce((product, size) => product * size, 1)
  if (count !== 1) refuse(`${count} numbers`)
  const divisor = scale.toFloat32()[0]!
  if (!Number.isFinite(divisor) || divisor === 0) refuse(String(divisor))
  const { shape, byteLength } = stored
  const toFloat32 = (): Float32Array => stored.toFloat32().map((x) => x / divisor)
  return {
    dtype: 'f32',
    shape,
    byteLength,
    bytes: () => new Uint8Array(toFloat32().buffer),
    toFloat32,
    toTensor: (named, dtype) => tensor(toFloat32(), named, { ...(dtype && { dtype }) }),
  }
}

/** A name without its file's prefix and in today's spelling. */
export function checkpointName(name: string, { prefixes = [] }: Pick<Bindings, 'prefixes'>): string {
  const prefix = prefixes.find((one) => one !== '' && name.startsWith(one)) ?? ''
  return name
    .slice(prefix.length)
    .replace(/\.gamma$/, '.weight')
    .replace(/\.beta$/, '.bias')
}

function patternOf(written: string): RegExp {
  const escaped = written
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('#', '\\d+')
    .replaceAll('*', '.*')
  return new RegExp(`^${escaped}$`)
}

/** The sizes that the file's tensor must have. */
export function fileShape({ axes, part }: Binding, shape: Shape): number[] {
  return axes.map((joined, place) =>
    part !== undefined && 'from' in part && place === 0
      ? part.of
      : joined
          .split(' ')
          .reduce(
            (size, name) =>
              size * (name === 'part' && part !== undefined && 'index' in part ? part.of : shape[name]!),
            1,
          ),
  )
}

/** Reads leaves; keeps a tensor that several leaves are parts of until the last of them is read. */
class PartReader {
  readonly #waiting = new Map<string, number>()
  readonly #kept = new Map<string, Float32Array>()

  constructor(found: ReadonlyMap<string, Found>) {
    for (const { binding, name } of found.values())
      if (binding.part !== undefined) this.#waiting.set(name, (this.#waiting.get(name) ?? 0) + 1)
  }

  read({ leaf, binding, stored, name }: Found, gguf: boolean): Tensor {
    const names = binding.axes.flatMap((joined) => joined.split(' ')).filter((one) => one !== 'part')
    const shape: Shape = Object.fromEntries(names.map((one) => [one, leaf.shape[one]!]))
    const pairs = gguf && binding.ggufPairs === true
    if (gguf && binding.ggufOnePlus === true)
      return tensor(
        stored.toFloat32().map((one) => one - 1),
        shape,
      ) as Tensor
    if (binding.part === undefined && !pairs) return stored.toTensor(shape) as Tensor
    const numbers =
      binding.part === undefined
        ? stored.toFloat32()
        : partOf(this.#whole(name, stored), binding, binding.part, leaf.shape)
    return tensor(pairs ? turnedRows(numbers, shape, 'halves') : numbers, shape) as Tensor
  }

  #whole(name: string, stored: FileTensor): Float32Array {
    const whole = this.#kept.get(name) ?? stored.toFloat32()
    const left = this.#waiting.get(name)! - 1
    this.#waiting.set(name, left)
    if (left > 0) this.#kept.set(name, whole)
    else this.#kept.delete(name)
    return whole
  }
}

/** The numbers of one part of a tensor, row-major. */
function partOf(whole: Float32Array, binding: Binding, part: Part, shape: Shape): Float32Array {
  const numbers = new Float32Array((whole.length / part.of) * ('from' in part ? part.size : 1))
  placeOfPart(binding, shape, whole.length, (from, to, length) =>
    numbers.set(whole.subarray(from, from + length), to),
  )
  return numbers
}

/**
 * Where the numbers of a part stand in the whole tensor, of `total` numbers: calls `copy` with each run of
 * them, its place in the whole and in the part.
 */
export function placeOfPart(
  { axes, part }: Binding,
  shape: Shape,
  total: number,
  copy: (inWhole: number, inPart: number, length: number) => void,
): void {
  if (part === undefined) return copy(0, 0, total)
  if ('from' in part) {
    const row = total / part.of
    return copy(part.from * row, 0, part.size * row)
  }
  const names = axes.flatMap((joined) => joined.split(' '))
  const inner = names.slice(names.indexOf('part') + 1).reduce((size, name) => size * shape[name]!, 1)
  const outer = total / (part.of * inner)
  for (let i = 0; i < outer; i++) copy((i * part.of + part.index) * inner, i * inner, inner)
}

/** Rows of each head as halves, from GGUF's rotary pairs (0, 1), (2, 3), …; or the other way. */
export function turnedRows(numbers: Float32Array, shape: Shape, to: 'halves' | 'pairs'): Float32Array {
  const rows = rowsInHalves(shape)
  const row = numbers.length / rows.length
  const turned = new Float32Array(numbers.length)
  rows.forEach((pair, half) => {
    const [from, place] = to === 'halves' ? [pair, half] : [half, pair]
    turned.set(numbers.subarray(from * row, (from + 1) * row), place * row)
  })
  return turned
}

/** For each row of the hub's layout the row of GGUF's, where GGUF keeps rotary pairs. */
export function rowsInHalves({ head, headWidth }: Shape): Int32Array {
  const half = headWidth! / 2
  return Int32Array.from({ length: head! * headWidth! }, (_, row) => {
    const [own, place] = [Math.floor(row / headWidth!), row % headWidth!]
    return own * headWidth! + 2 * (place % half) + (place < half ? 0 : 1)
  })
}
