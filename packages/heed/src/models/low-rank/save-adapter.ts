import { type JsonValue, leavesOf, mapTree, nodeModule, StateError } from '../../base/index.js'
import {
  BindingTable,
  isModelWeight,
  type ModelWeight,
  treeTensors,
  type WeightDtype,
} from '../../checkpoint/index.js'
import { saveSafetensors, type StoredTensor, writeFileWhole } from '../../formats/index.js'
import { isLowRank, type LowRank } from '../../nn/index.js'
import { concat, mul, scope, type Tensor, zeros } from '../../tensor/index.js'
import { hubFolder } from '../hub-files.js'
import {
  adapterBindings,
  configFile,
  isSharedTable,
  moduleOf,
  peftPrefix,
  weightsFile,
} from './adapter-bindings.js'
import { modulesOfTask } from './adapter-config.js'
import { modelConfigFile } from './adapter-head.js'
import { type Adaptable, type Adapter, bindingsOf, isLinear } from './low-rank.js'

/** How an adapter is written. */
export interface SaveAdapterOptions {
  /** What its numbers are stored as; default f32. */
  readonly dtype?: WeightDtype | undefined
  /** Where the model below is found, for those who load both; default where it was read from. */
  readonly base?: string | undefined
}

const operation = 'saveAdapter'

/**
 * Writes a model's changes of low rank, and what is trained whole beside them, into a folder, so that
 * Python's library peft reads them: `adapter_config.json` and `adapter_model.safetensors`. Where the model
 * has a head, its configuration stands beside them, which says what `loadModel` needs of it. The model below
 * is not written. A layer that is a part of one tensor of the hub's files is written as that tensor's change.
 *
 * @throws StateError for a model without changes, or a tensor that has no place there
 * @throws HeedError where the disk refuses
 */
export async function saveAdapter(
  folder: string,
  loaded: Adaptable & {
    readonly stored?: { readonly path: string; readonly config?: JsonValue } | undefined
  },
  { dtype = 'f32', base = loaded.stored?.path }: SaveAdapterOptions = {},
): Promise<void> {
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const { adapter } = loaded
  if (adapter === undefined)
    throw noPlace('a model with changes of low rank', 'one without', 'make them with withLowRank')
  hubFolder(folder)
  const { tensors, config } = scope(() => {
    const changes = changesOf(loaded, adapter)
    const written = treeTensors(changes.tree, adapterBindings(bindingsOf(loaded)), { dtype })
    const tensors = new Map<string, StoredTensor>()
    for (const [name, { shape, data }] of written) tensors.set(`${peftPrefix}${name}`, { dtype, shape, data })
    return {
      tensors,
      config: { ...configOf(loaded, adapter, changes), base_model_name_or_path: base ?? null },
    }
  })
  await saveSafetensors(paths.join(folder, weightsFile), tensors, { metadata: new Map([['format', 'pt']]) })
  const text = `${JSON.stringify(config, undefined, 2)}\n`
  const write = (name: string, content: string): Promise<void> =>
    writeFileWhole(paths.join(folder, name), new TextEncoder().encode(content))
  const { head } = loaded.config as { readonly head?: unknown }
  const own = loaded.stored?.config
  if (head !== undefined && own !== undefined)
    await write(modelConfigFile, `${JSON.stringify(own.plain(), undefined, 2)}\n`)
  await write(configFile, text)
}

/** What is written. */
interface Changes {
  /** The model's tree with nothing but what is written. */
  readonly tree: unknown
  /** By module. */
  readonly ranks: ReadonlyMap<string, { readonly rank: number; readonly alpha: number }>
  /** Modules that are written whole, beside those that peft takes for the task. */
  readonly whole: readonly string[]
  readonly saved: readonly string[]
  /** What peft calls the task. */
  readonly task: string | null
}

function changesOf(loaded: Adaptable, { trained, rankStabilized }: Adapter): Changes {
  const table = new BindingTable(bindingsOf(loaded))
  const weights = leavesOf<ModelWeight>(loaded.model, isModelWeight)
  const moduleAt = (path: string): string | undefined => moduleOf(table.at(path)?.file ?? '')
  const whole = new Set<string>()
  for (const path of trained) {
    const module = moduleAt(path)
    if (module === undefined || isSharedTable(loaded, path))
      throw noPlace(
        'tensors of modules that peft can train whole',
        `'${path}'${module === undefined ? '' : ', which parts of the model share'}`,
        'write the whole model, with saveModel',
      )
    whole.add(module)
  }
  const modules = new Map<string, Map<string, LowRank>>()
  for (const [path, weight] of weights) {
    if (!isLowRank(weight)) continue
    const module = moduleAt(path) ?? table.at(path)!.file
    if (isWithin(whole, module))
      throw noPlace(
        'layers that either change by low rank or are trained whole',
        `'${module}', which does both`,
        'write the whole model, with saveModel',
      )
    let parts = modules.get(module)
    if (parts === undefined) modules.set(module, (parts = new Map()))
    parts.set(path, weight)
  }
  const ranks = new Map<string, { rank: number; alpha: number }>()
  const factors = new Map<string, Pick<LowRank, 'down' | 'up'>>()
  for (const [module, parts] of modules) {
    const joined = joinedParts(parts)
    const rank = joined
      .values()
      .next()
      .value!.down.size('rank' as never)
    const { scale } = parts.values().next().value!
    const alpha = Number((scale * (rankStabilized ? Math.sqrt(rank) : rank)).toPrecision(14))
    ranks.set(module, { rank, alpha })
    for (const [path, { down, up }] of joined) factors.set(path, { down, up })
  }
  const tree = mapTree<unknown, unknown>(loaded.model, isModelWeight, (weight, path) => {
    const own = factors.get(path)
    if (own !== undefined) return own
    return isWithin(whole, table.at(path)?.file ?? '') ? weight : undefined
  })
  const task = taskOf(loaded, (module) => isWithin(whole, module))
  const outermost = [...whole].filter((module) => {
    const others = [...whole, ...task.saved].filter((other) => other !== module)
    return !isWithin(others, module)
  })
  return { tree, ranks, ...task, whole: outermost.filter((module) => !task.saved.includes(module)) }
}

/** Whether a module, or a tensor by its name in a file, is one of some modules, or within one. */
function isWithin(modules: Iterable<string>, name: string): boolean {
  return [...modules].some((module) => name === module || name.startsWith(`${module}.`))
}

/**
 * The changes of one module's parts with one `down` for all: where they have several, these one below the
 * other, and zeros in `up` where a part has nothing of them. What they are multiplied by is the first one's.
 */
function joinedParts(parts: ReadonlyMap<string, LowRank>): ReadonlyMap<string, Pick<LowRank, 'down' | 'up'>> {
  const [first] = parts.values()
  const downs = [...new Set([...parts.values()].map(({ down }) => down))]
  const isEven = [...parts.values()].every(({ scale }) => scale === first!.scale)
  if (downs.length === 1 && isEven) return parts
  const down = downs.length === 1 ? downs[0]! : (concat(downs, 'rank' as never) as Tensor)
  return new Map(
    [...parts].map(([path, own]) => {
      const scaled = mul(own.up, own.scale / first!.scale) as Tensor
      const up = downs.map((one) => {
        if (one === own.down) return scaled
        const rank = one.size('rank' as never)
        return zeros({ ...own.up.shape, rank }, { device: own.up.device }) as Tensor
      })
      return [path, { down, up: up.length === 1 ? up[0]! : (concat(up, 'rank' as never) as Tensor) }]
    }),
  )
}

function configOf(
  loaded: Adaptable,
  { dropout, rankStabilized }: Adapter,
  { ranks, whole, saved, task }: Changes,
): Record<string, unknown> {
  const table = new BindingTable(bindingsOf(loaded))
  const linear = [...leavesOf<ModelWeight>(loaded.model, isModelWeight).keys()].flatMap((path) => {
    const binding = table.at(path)
    return isLinear(binding) ? [binding] : []
  })
  const all = new Set(linear.map(({ file }) => moduleOf(file) ?? file))
  const [rank, alpha] = (['rank', 'alpha'] as const).map((name) =>
    mostCommon([...ranks.values()].map((own) => own[name])),
  ) as [number, number]
  const patternsOf = (name: 'rank' | 'alpha', usual: number): Record<string, number> =>
    Object.fromEntries(
      [...ranks].filter(([, own]) => own[name] !== usual).map(([module, own]) => [module, own[name]]),
    )
  return {
    peft_type: 'LORA',
    task_type: task,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rankStabilized,
    use_dora: false,
    bias: 'none',
    target_modules: shortened(new Set(ranks.keys()), all),
    modules_to_save: whole.length + saved.length === 0 ? null : [...whole, ...saved],
    rank_pattern: patternsOf('rank', rank),
    alpha_pattern: patternsOf('alpha', alpha),
    layers_to_transform: null,
    layers_pattern: null,
    // GPT-2 keeps its maps as [in, out].
    fan_in_fan_out: linear.some(
      ({ file, axes, over }) => ranks.has(moduleOf(file) ?? file) && axes[0] === over!.join(' '),
    ),
    init_lora_weights: true,
    inference_mode: true,
  }
}

function mostCommon(numbers: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1)
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0]
}

/** Modules by their last names, where all of such a name are among them; the others in full. */
function shortened(modules: ReadonlySet<string>, all: ReadonlySet<string>): string[] {
  const lastOf = (module: string): string => module.slice(module.lastIndexOf('.') + 1)
  const partial = new Set([...all].filter((module) => !modules.has(module)).map(lastOf))
  return [...new Set([...modules].map((module) => (partial.has(lastOf(module)) ? module : lastOf(module))))]
}

/**
 * What peft calls the task, which decides its class for the model. For some it takes modules from the file:
 * where these aren't written it is told of no task.
 */
function taskOf(
  { architecture, config, model }: Adaptable,
  isWhole: (module: string) => boolean,
): Pick<Changes, 'task' | 'saved'> {
  if (architecture?.family === 'encoder-decoder') return { task: 'SEQ_2_SEQ_LM', saved: [] }
  // peft has no task for what reads pictures.
  if (['vision-encoder', 'dual-encoder', 'captioner'].includes(architecture?.family ?? ''))
    return { task: null, saved: [] }
  if (architecture?.family !== 'encoder') return { task: 'CAUSAL_LM', saved: [] }
  const { head } = config as { readonly head?: { readonly name?: string } }
  if (head === undefined) return { task: 'FEATURE_EXTRACTION', saved: [] }
  const task = headTasks[head.name ?? '']
  const names = task === undefined ? [] : modulesOfTask(task)
  const table = new BindingTable(bindingsOf({ architecture, config }))
  const files = [...leavesOf<ModelWeight>(model, isModelWeight).keys()].map(
    (path) => table.at(path)?.file ?? '',
  )
  const saved = names.filter((name) => files.some((file) => isWithin([name], file)))
  const isThere = files.every((file) => !isWithin(saved, file) || isWhole(file))
  return task === undefined || saved.length === 0 || !isThere ? { task: null, saved: [] } : { task, saved }
}

/** By what follows `For` in the name of the class. */
const headTasks: Readonly<Record<string, string>> = {
  SequenceClassification: 'SEQ_CLS',
  TokenClassification: 'TOKEN_CLS',
  QuestionAnswering: 'QUESTION_ANS',
}

function noPlace(expected: string, found: string, hint: string): StateError {
  return new StateError({ operation, expected, found, hint })
}
