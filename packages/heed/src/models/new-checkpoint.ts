/** A checkpoint that nobody has trained yet, whose first weights may be another model's. */
import { leavesOf, mapTree, nodeModule, randomKey, readJson, UsageError } from '../base/index.js'
import { CheckpointConfig, treeTensors } from '../checkpoint/index.js'
import { saveSafetensors, writeFileWhole } from '../formats/index.js'
import { isTensor, scope, type Tensor, tensor } from '../tensor/index.js'
import { saveTokenizer, type Tokenizer } from '../text/index.js'
import type { Design } from './architecture.js'
import { hubFolder } from './hub-files.js'
import type { LoadedModel } from './load.js'
import { narrowedEmbedding } from './narrowed-embedding.js'
import { architectureOf } from './registry.js'

/** A new model. */
export interface NewCheckpoint {
  /** As `config.json` of the hub has it: `model_type` and its fields. `vocab_size` is the tokenizer's. */
  readonly config: Readonly<Record<string, unknown>>
  readonly tokenizer: Tokenizer
  /** Of the weights that are made anew. Default 0. */
  readonly seed?: number
  /** A model of the same family whose weights are taken where they fit. */
  readonly initialize?: {
    readonly from: LoadedModel
    /** Its layers that become the new model's, in this order. Default: 0, 1, 2, … */
    readonly layers?: readonly number[] | undefined
  }
}

/** Which weights a new checkpoint has of another model, by their paths, and which are made anew. */
export interface CreatedCheckpoint {
  readonly taken: readonly string[]
  readonly anew: readonly string[]
}

const operation = 'createCheckpoint'

/**
 * Writes a new model into a folder, from where `loadModel` reads it, under whatever head.
 *
 * With `initialize`, weights of the same path and the same sizes are another model's. Rows of the embedding
 * are those of the same tokens, whatever their ids; of a table of positions it is the first rows. Where the
 * new embedding is narrower, and is projected to the model's width, it is that of the other along its
 * principal components, and the projection is back from them.
 *
 * @throws UsageError for layers that the other model hasn't, or one of another family
 * @throws FormatError for a configuration that makes no sense; HeedError where the disk refuses
 */
export async function createCheckpoint(folder: string, options: NewCheckpoint): Promise<CreatedCheckpoint> {
  const { tokenizer, seed = 0, initialize } = options
  const config = { ...options.config, vocab_size: tokenizer.size }
  const fields = new CheckpointConfig(
    readJson(JSON.stringify(config), { operation, hint: 'correct the configuration' }),
  )
  const architecture = architectureOf(fields)
  const said = architecture.design(fields) as Design
  fields.end()
  // A head is what loadModel puts on it.
  const design = architecture.fitted?.(said, () => false) ?? said
  if (initialize !== undefined && initialize.from.family !== architecture.family)
    throw new UsageError({
      operation,
      expected: `initialize.from to be a model of the family '${architecture.family}'`,
      found: `'${initialize.from.family}'`,
      hint: 'take a model like the new one',
    })
  const taken: string[] = []
  const tensors = scope(() => {
    const fresh = architecture.create(design, randomKey(seed, 'new model'))
    const known = initialize && weightsOf(initialize, design, tokenizer)
    const model = mapTree(fresh, isTensor, (leaf: Tensor, path) => {
      const found = known?.(path, leaf)
      if (found !== undefined) taken.push(path)
      return found ?? leaf
    })
    const written = treeTensors(model, architecture.bindings(design))
    return new Map(
      [...written].map(([name, own]) => [
        name,
        { dtype: own.dtype, shape: own.shape, data: own.toFloat32() },
      ]),
    )
  })
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  hubFolder(folder)
  await saveSafetensors(paths.join(folder, 'model.safetensors'), tensors)
  const write = (name: string, text: string): Promise<void> =>
    writeFileWhole(paths.join(folder, name), new TextEncoder().encode(text))
  await write('tokenizer.json', saveTokenizer(tokenizer))
  await write('config.json', `${JSON.stringify(config, undefined, 2)}\n`)
  const all = scope(() => [
    ...leavesOf<Tensor>(architecture.create(design, randomKey(seed)), isTensor).keys(),
  ])
  return { taken, anew: all.filter((path) => !taken.includes(path)) }
}

type WeightOf = (path: string, like: Tensor) => Tensor | undefined

/** What another model has for a leaf. */
function weightsOf(
  { from, layers }: NonNullable<NewCheckpoint['initialize']>,
  design: Design,
  tokenizer: Tokenizer,
): WeightOf {
  const depth = from.config.layers
  const wrong = layers?.find((layer) => layer >= depth)
  if (wrong !== undefined || (layers !== undefined && layers.length !== design.layers))
    throw new UsageError({
      operation,
      expected: `initialize.layers to name ${design.layers} of the layers 0 to ${depth - 1}`,
      found: layers!.join(', '),
      hint: 'name one for each layer of the new model',
    })
  const known = leavesOf<Tensor>(from.model, isTensor)
  const rows = rowsOf(tokenizer, from.tokenizer)
  const narrowed = narrowedEmbedding(known, rows)
  return (path, like) => {
    const other = path.replace(/^((?:\w+\.)*blocks)\.(\d+)/, (_, blocks: string, block: string) => {
      return `${blocks}.${layers?.[Number(block)] ?? block}`
    })
    const leaf = known.get(other)
    const isTable = path.endsWith('embedding.weight')
    if (leaf === undefined) return narrowed(path, like)
    const sizes = like.layout
    const fits = sizes.every(
      ({ name, size }) =>
        leaf.layout.some((own) => own.name === name && own.size === size) ||
        (isTable && name === 'vocabulary'),
    )
    if (fits && sizes.length === leaf.layout.length)
      return isTable ? gathered(leaf, like, rows) : copyOf(leaf, like)
    return narrowed(path, like) ?? firstRows(leaf, like)
  }
}

/** For each token the other tokenizer's id; -1 where it hasn't it. */
function rowsOf(tokenizer: Tokenizer, other: Tokenizer): Int32Array {
  return Int32Array.from({ length: tokenizer.size }, (_, id) => {
    const token = tokenizer.token(id)
    return (token === undefined ? undefined : other.id(token)) ?? -1
  })
}

function copyOf(leaf: Tensor, like: Tensor): Tensor {
  const axes = like.layout.map(({ name }) => name)
  return tensor(leaf.values(axes as never), like.shape)
}

function gathered(leaf: Tensor, like: Tensor, rows: Int32Array): Tensor {
  const axes = like.layout.map(({ name }) => name)
  const place = axes.findIndex((name) => name === 'vocabulary')
  if (place !== 0) return like
  const [from, made] = [leaf.values(axes as never), like.values(axes as never)]
  const width = made.length / rows.length
  const numbers = Float32Array.from(made)
  rows.forEach((row, id) => {
    if (row >= 0) numbers.set(from.subarray(row * width, (row + 1) * width), id * width)
  })
  return tensor(numbers, like.shape)
}

/** The beginning of a table of positions that is longer; undefined where more differs. */
function firstRows(leaf: Tensor, like: Tensor): Tensor | undefined {
  const others = like.layout.filter(({ name, size }) =>
    leaf.layout.every((own) => own.name !== name || own.size !== size),
  )
  const [only] = others
  if (others.length !== 1 || only!.name !== 'position' || leaf.layout.length !== like.layout.length)
    return undefined
  const own = leaf.layout.find(({ name }) => name === 'position')
  if (own === undefined || own.size < only!.size) return undefined
  const first = (leaf as Tensor<'position'>).slice('position', 0, only!.size)
  return scope(() => copyOf(first as unknown as Tensor, like))
}
