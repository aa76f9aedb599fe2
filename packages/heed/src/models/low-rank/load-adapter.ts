import {
  FormatError,
  leavesOf,
  mapTree,
  nodeModule,
  readJson,
  shownNames,
  UsageError,
} from '../../base/index.js'
import {
  BindingTable,
  checkpointName,
  DescribedTensor,
  hasLeaf,
  isModelWeight,
  loadTree,
  type ModelLeaf,
  type ModelWeight,
  shapeOfWeight,
} from '../../checkpoint/index.js'
import { type FileTensor, type FileTensors, readSmallFile, withSafetensors } from '../../formats/index.js'
import { isLowRank, type LowRank } from '../../nn/index.js'
import { dispose, isTensor, scope, type Tensor } from '../../tensor/index.js'
import {
  adapterBindings,
  configFile,
  isSharedTable,
  moduleOf,
  peftPrefix,
  weightsFile,
} from './adapter-bindings.js'
import { type AdapterConfig, readAdapterConfig } from './adapter-config.js'
import {
  type Adaptable,
  type Adapted,
  type Adapter,
  bindingsOf,
  changedModel,
  isLinear,
  scaleOf,
} from './low-rank.js'

const operation = 'loadAdapter'
const largestConfig = 2 ** 22

/**
 * A model with the changes of low rank of a folder that `saveAdapter` or Python's library peft wrote. What
 * doesn't change is shared with `loaded`; its matrices may be quantized.
 *
 * @param folder with `adapter_config.json` and `adapter_model.safetensors`
 * @throws FormatError where a file is missing or wrong, belongs to another model, or says something that heed
 * doesn't handle
 */
export function loadAdapter<L extends Adaptable>(loaded: L, folder: string): Adapted<L> {
  const { changes, whole, adapter } = readAdapter(loaded, folder)
  const model = mapTree<unknown, ModelWeight>(loaded.model, isModelWeight, (weight, path) => {
    const change = changes.get(path)
    if (change === undefined) return whole.get(path) ?? weight
    return { base: weight as ModelLeaf, ...change }
  })
  return changedModel(loaded, { model, adapter }) as Adapted<L>
}

/**
 * A model whose changes of low rank begin as those in a folder, which were trained for another task; layers
 * that are trained whole stay as they are.
 *
 * @param loaded the model without changes
 * @param adapted the same with changes, by `withLowRank`
 * @param folder as `loadAdapter` takes it, with changes of the same places, ranks and scales
 * @throws FormatError as `loadAdapter` does, and for other changes
 */
export function beginWithAdapter<L extends Adaptable>(
  loaded: L,
  adapted: Adapted<L>,
  folder: string,
): Adapted<L> {
  // Its head is another task's.
  const { changes } = readAdapter(loaded, folder, (name) => /\.lora_[AB]\.weight$/.test(name))
  const refuse = (expected: string, found: string): never => {
    throw new FormatError({
      operation: 'beginWithAdapter',
      expected,
      found,
      hint: 'take the targets, the rank and alpha that the other was trained with',
      file: folder,
    })
  }
  let count = 0
  const replaced = new Set<Tensor>()
  const model = mapTree<unknown, ModelWeight>(adapted.model, isModelWeight, (weight, path) => {
    if (!isLowRank(weight)) return weight
    const change = changes.get(path)
    const said = ({ down, scale }: Omit<LowRank, 'base'>): string =>
      `rank ${down.size('rank')} and scale ${scale} at '${path}'`
    if (change === undefined || said(change) !== said(weight))
      return refuse(said(weight), change === undefined ? 'none' : said(change))
    count++
    for (const one of [weight.down, weight.up]) replaced.add(one)
    return { base: weight.base, down: change.down, up: change.up, scale: weight.scale }
  })
  if (count !== changes.size) refuse(`${count} changes`, `${changes.size}`)
  dispose([...replaced])
  return changedModel(loaded, { model, adapter: adapted.adapter! }) as Adapted<L>
}

/** What an adapter's folder has for a model. */
export interface StoredAdapter {
  /** By the paths of weights; `base` where the file has that, too. */
  readonly changes: ReadonlyMap<string, Omit<LowRank, 'base'> & Partial<Pick<LowRank, 'base'>>>
  /** Tensors that take the places of the model's, by their paths. */
  readonly whole: ReadonlyMap<string, Tensor>
  readonly adapter: Adapter
}

/**
 * Reads an adapter for a model, whose tree may describe its weights alone. Throws as `loadAdapter` does.
 *
 * @param wanted which tensors of the file are read, by their names there
 */
export function readAdapter(
  loaded: Adaptable,
  folder: string,
  wanted: (name: string) => boolean = () => true,
): StoredAdapter {
  if (loaded.adapter !== undefined)
    throw new UsageError({
      operation,
      expected: 'a model without changes of low rank',
      found: 'one that has them',
      hint: 'merge them first, with mergeLowRank',
    })
  const config = configIn(folder)
  const file = pathIn(folder, weightsFile)
  return withSafetensors(file, (stored) =>
    changesIn(withoutPrefix(stored, file, wanted), loaded, config, file),
  )
}

function configIn(folder: string): AdapterConfig {
  const file = pathIn(folder, configFile)
  const hint = 'correct the file, or fetch it again'
  return readAdapterConfig(
    readJson(readSmallFile(file, largestConfig), { operation, file, hint, length: largestConfig }),
  )
}

/** Throws FormatError where a path is no folder with an adapter's files. */
export function checkAdapter(folder: string): void {
  for (const name of [configFile, weightsFile]) pathIn(folder, name)
}

function pathIn(folder: string, name: string): string {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const path = nodeModule<typeof import('node:path')>('node:path', operation).join(folder, name)
  if (fs.existsSync(path)) return path
  const pickled = fs.existsSync(path.replace(/\.safetensors$/, '.bin'))
  throw new FormatError({
    operation,
    expected: `'${name}' in the folder of an adapter, '${folder}'`,
    found: pickled ? "a pickle, 'adapter_model.bin'" : fs.existsSync(folder) ? 'none' : 'no such folder',
    hint: pickled ? 'let peft save it with safe_serialization' : 'name the folder that peft or heed wrote',
    file: path,
  })
}

/** The tensors by their names in the hub's layout. */
function withoutPrefix(
  { tensors }: FileTensors,
  file: string,
  wanted: (name: string) => boolean,
): FileTensors {
  const own = new Map<string, FileTensor>()
  for (const [name, tensor] of tensors) {
    if (!wanted(name)) continue
    if (!name.startsWith(peftPrefix)) throw foreign(file, shownNames([name]))
    own.set(name.slice(peftPrefix.length), tensor)
  }
  return { format: 'safetensors', tensors: own }
}

function foreign(file: string, found: string): FormatError {
  return new FormatError({
    operation,
    expected: `changes of low rank of this model, '${peftPrefix}….lora_A.weight'`,
    found,
    hint: 'the adapter belongs to another model, or is of another kind',
    file,
  })
}

function changesIn(
  files: FileTensors,
  loaded: Adaptable,
  config: AdapterConfig,
  file: string,
): StoredAdapter {
  const bindings = adapterBindings(bindingsOf(loaded))
  const table = new BindingTable(bindings)
  const has = hasLeaf(files, bindings)
  const names = new Map([...files.tensors.keys()].map((name) => [checkpointName(name, bindings), name]))
  const nameOf = (path: string): string | undefined => {
    const wanted = table.at(path)?.file
    return wanted && names.get(checkpointName(wanted, bindings))
  }
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new FormatError({ operation, expected, found, hint, file })
  }
  // What the files have for each leaf: changes, whole tensors, or nothing.
  const downs = new Map<string, DescribedTensor>()
  const scales = new Map<string, number>()
  const trained: string[] = []
  const like = mapTree<unknown, unknown>(loaded.model, isWeight, (weight, path) => {
    const shape = shapeOfWeight(weight as ModelWeight)
    const binding = table.at(path)
    if (isLinear(binding) && (has(`${path}.down`) || has(`${path}.up`))) {
      const name = nameOf(`${path}.down`) ?? nameOf(`${path}.up`)!
      const module = name.replace(/\.lora_[AB]\.weight$/, '')
      if (config.targets(module) === false)
        refuse(`target_modules that name '${module}'`, 'others', `the two files don't belong together`)
      const rank = config.rankOf(module)
      scales.set(path, scaleOf(config.alphaOf(module), rank, config.rankStabilized))
      const over = Object.fromEntries(binding.over!.map((one) => [one, shape[one]!]))
      const others = Object.fromEntries(Object.entries(shape).filter(([one]) => !(one in over)))
      let down = downs.get(name)
      if (down === undefined) downs.set(name, (down = new DescribedTensor({ rank, ...over })))
      const base = has(`${path}.base`) ? new DescribedTensor(shape) : undefined
      return { base, down, up: new DescribedTensor({ ...others, rank }) }
    }
    if (!has(path)) return undefined
    const name = nameOf(path)!
    if (!config.saves(moduleOf(name) ?? name))
      refuse(`modules_to_save that name '${name}'`, 'others', `the two files don't belong together`)
    if (isSharedTable(loaded, path))
      refuse(
        'a table of embeddings of its own',
        `'${name}', which other parts of the model share`,
        'merge the adapter with peft, and load the whole model',
      )
    trained.push(path)
    return new DescribedTensor(shape)
  })
  if (scales.size === 0) throw foreign(file, shownNames([...files.tensors.keys()]))
  const tree = scope(() => loadTree(files, like, bindings, { file }))
  const read = leavesOf<Tensor>(tree, isTensor)
  const changes = new Map(
    [...scales].map(([path, scale]) => {
      const base = read.get(`${path}.base`)
      const [down, up] = [read.get(`${path}.down`)!, read.get(`${path}.up`)!]
      return [path, { ...(base && { base }), down, up, scale }]
    }),
  )
  const whole = new Map(trained.map((path) => [path, read.get(path)!]))
  const { dropout, rankStabilized } = config
  return { changes, whole, adapter: { dropout, rankStabilized, trained } }
}

const isWeight = (value: unknown): value is ModelWeight | DescribedTensor =>
  isModelWeight(value) || value instanceof DescribedTensor
