/** Checkpoints from one format into another, tensor by tensor. */
import { nodeModule, randomKey, StateError, type StopSignal, UsageError } from '../base/index.js'
import {
  BindingTable,
  describing,
  ggufMetadata,
  hasLeaf,
  leafReader,
  treeTensors,
  type TreeTensor,
  type WeightDtype,
} from '../checkpoint/index.js'
import {
  type FileTensors,
  ggufNumbers,
  ggufTypeFor,
  type GgufValue,
  saveSafetensors,
  type Weights,
  writeGguf,
} from '../formats/index.js'
import { plainWeight } from '../nn/index.js'
import { copy, scope, type Tensor } from '../tensor/index.js'
import { type GgufSpecial, ggufVocabulary } from '../text/index.js'
import type { Architecture, Design } from './architecture.js'
import { hubFolder, writeHubFiles } from './hub-files.js'
import { readAdapter, type StoredAdapter } from './low-rank/index.js'
import { ggufPoolingOf } from './sentence/index.js'
import { openCheckpoint, type StoredModel } from './stored-model.js'

/** What weights are stored as. Vectors stay f32 in GGUF; `q8_0` is GGUF's alone. */
export type ConvertedType = WeightDtype | 'q8_0'

/** How a checkpoint is converted. */
export interface ConvertOptions {
  /** Default: `f16` in GGUF, else what most of the file's numbers are, blocks as f16. */
  readonly type?: ConvertedType | undefined
  /** The folder of an adapter, whose changes of low rank are added to the weights: see `loadAdapter`. */
  readonly adapter?: string | undefined
  /** Called before each tensor is written. */
  readonly onTensor?: ((done: number, total: number, name: string) => void) | undefined
  /** Ends the conversion, of which nothing stays, before the next tensor. */
  readonly signal?: StopSignal | undefined
}

const operation = 'convertCheckpoint'
/** Of an encoder's head: without it a model is good for nothing that it was trained for. */
const classifier = 'head.output.weight'

/**
 * Writes a checkpoint in another format: into a GGUF file with its tokenizer, or into a folder in the hub's
 * layout (safetensors). Tensors are read, converted and written one after the other. An encoder's pooler and
 * its head for masked words, which GGUF has no place for, stay behind.
 *
 * @param from as of `loadModel`
 * @param to a path that ends in `.gguf`, or a folder, which is made
 * @returns the paths of what was written
 * @throws FormatError where `from` is no checkpoint; UsageError for what the other format can't hold, and for
 * heed's own decoder; HeedError where the disk refuses; StateError where the signal ended it
 */
export async function convertCheckpoint(
  from: string,
  to: string,
  options: ConvertOptions = {},
): Promise<readonly string[]> {
  const stored = openCheckpoint(from)
  const { architecture } = stored
  if (architecture === undefined)
    throw new UsageError({
      operation,
      expected: "a checkpoint of one of the hub's architectures",
      found: "heed's own decoder",
      hint: 'it has a format of its own: saveModel writes it',
    })
  const isGguf = /\.gguf$/i.test(to)
  if (!isGguf && options.type === 'q8_0')
    throw new UsageError({
      operation,
      expected: 'f32, f16 or bf16 for safetensors',
      found: 'q8_0',
      hint: 'name a file that ends in .gguf',
    })
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  if (paths.resolve(to) === paths.resolve(stored.path))
    throw new UsageError({
      operation,
      expected: 'another place than the checkpoint itself',
      found: `'${to}'`,
      hint: 'name a new folder or file',
    })
  return stored.weights(async (files) => {
    const said = stored.design as Design
    const bindings = architecture.bindings(said)
    const isThere = hasLeaf(files, bindings)
    const table = new BindingTable(bindings, isGguf ? 'gguf' : 'safetensors')
    const hasPlace = (leaf: string): boolean => !isGguf || table.at(leaf)?.gguf !== undefined
    if (isThere(classifier) && !hasPlace(classifier))
      throw new UsageError({
        operation,
        expected: 'weights that GGUF has a place for',
        found: 'those of a head that classifies, or answers questions',
        hint: 'name a folder, for safetensors',
      })
    const design = architecture.fitted?.(said, (leaf) => isThere(leaf) && hasPlace(leaf)) ?? said
    const source = { stored, architecture, design, files }
    return isGguf ? toGguf(source, to, options) : toFolder(source, to, options)
  })
}

interface Source {
  readonly stored: StoredModel
  readonly architecture: Architecture
  readonly design: Design
  readonly files: Weights
}

/** Leaves with the changes of an adapter in them. */
function mergedReader(
  plain: (path: string) => Tensor,
  { changes, whole }: StoredAdapter,
): (path: string) => Tensor {
  return (path) => {
    const change = changes.get(path)
    const own = whole.get(path)
    // Who writes it frees it.
    if (change === undefined) return own === undefined ? plain(path) : (copy(own, 'f32') as Tensor)
    return scope(() => plainWeight({ base: plain(path), ...change }))
  }
}

/** The tensors to be written; each is made when its numbers are asked for. */
function tensorsOf(
  { architecture, design, files, stored }: Source,
  format: 'safetensors' | 'gguf',
  dtype: WeightDtype,
  { onTensor, signal, adapter }: ConvertOptions,
): Map<string, TreeTensor> {
  const like = architecture.create(design, randomKey(0), { initializer: describing })
  const bindings = architecture.bindings(design)
  const plain = leafReader(files, like, bindings, stored.path)
  const read =
    adapter === undefined
      ? plain
      : mergedReader(plain, readAdapter({ architecture, config: design, model: like }, adapter))
  const tensors = treeTensors(like, bindings, { format, dtype, read })
  let done = 0
  const asked = (name: string): void => {
    if (signal?.aborted === true)
      throw new StateError({
        operation,
        expected: 'to convert all tensors',
        found: 'a signal that ends it',
        hint: 'nothing was written',
      })
    onTensor?.(done++, tensors.size, name)
  }
  return new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      {
        dtype: tensor.dtype,
        shape: tensor.shape,
        binding: tensor.binding,
        toFloat32: () => {
          asked(name)
          return tensor.toFloat32()
        },
        get data() {
          asked(name)
          return tensor.data
        },
      },
    ]),
  )
}

async function toFolder(source: Source, folder: string, options: ConvertOptions): Promise<string[]> {
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const { stored, files } = source
  const dtype = (options.type as WeightDtype | undefined) ?? usualDtype(files)
  const tensors = tensorsOf(source, 'safetensors', dtype, options)
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const isNew = !fs.existsSync(folder)
  hubFolder(folder)
  const written: string[] = []
  try {
    written.push(...(await saveSafetensors(paths.join(folder, 'model.safetensors'), tensors)))
  } catch (error) {
    if (isNew && fs.readdirSync(folder).length === 0) fs.rmdirSync(folder)
    throw error
  }
  const said = { dtype, template: chatTemplateIn(files) }
  return [...written, ...(await writeHubFiles(stored, folder, said))]
}

async function toGguf(source: Source, path: string, options: ConvertOptions): Promise<string[]> {
  const { stored } = source
  const { type = 'f16' } = options
  const { metadata, vectors } = ggufMetadata(
    stored.config.plain() as Record<string, unknown>,
    ggufPoolingOf(stored),
  )
  const tensors = tensorsOf(source, 'gguf', 'f32', options)
  await writeGguf(path, {
    metadata: new Map<string, GgufValue>([...metadata, ...(stored.hasTokenizer ? vocabularyOf(source) : [])]),
    tensors: new Map([
      ...[...vectors].map(([name, numbers]) => [name, ggufNumbers([numbers.length], numbers)] as const),
      ...[...tensors].map(
        ([name, tensor]) =>
          [
            name,
            ggufNumbers(
              tensor.shape,
              () => tensor.toFloat32(),
              ggufTypeFor(tensor.shape, type.toUpperCase()),
            ),
          ] as const,
      ),
    ]),
  })
  return [path]
}

/** The tokenizer's values; of a GGUF file those that it has. */
function vocabularyOf({ stored, design, files }: Source): [string, GgufValue][] {
  if (files.format === 'gguf') {
    const { metadata } = files
    return metadata
      .names()
      .filter((name) => name.startsWith('tokenizer.'))
      .map((name) => [name, metadata.value(name)!])
  }
  const specials: Partial<Record<GgufSpecial, number>> = {}
  for (const name of ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const) {
    const field = stored.config.member(`${name}_token_id`)
    const id = Array.isArray(field.value) ? field.items()[0]?.value : field.value
    if (typeof id === 'number') specials[name] = id
  }
  const template = stored.json('tokenizer_config.json')?.member('chat_template')
  return [
    ...ggufVocabulary(stored.tokenizer(), {
      size: design.vocabulary,
      specials,
      ...(typeof template?.value === 'string' && { chatTemplate: template.value }),
    }),
  ]
}

/** How a GGUF file says that a conversation becomes a text. */
function chatTemplateIn(files: Weights): string | undefined {
  return files.format === 'gguf' ? files.metadata.string('tokenizer.chat_template') : undefined
}

/** What most of the file's numbers are. */
function usualDtype({ tensors }: FileTensors): WeightDtype {
  const bytes = { f32: 0, f16: 0, bf16: 0 }
  for (const { dtype, byteLength } of tensors.values()) {
    const name = dtype.toLowerCase()
    bytes[name === 'f32' || name === 'bf16' ? name : 'f16'] += byteLength
  }
  return (['f32', 'bf16', 'f16'] as const).reduce((most, one) => (bytes[one] > bytes[most] ? one : most))
}
