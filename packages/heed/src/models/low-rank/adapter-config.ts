/** `adapter_config.json` of Python's library peft (github.com/huggingface/peft, `LoraConfig`). */
import type { JsonValue } from '../../base/index.js'
import { CheckpointConfig } from '../../checkpoint/index.js'

/** What a configuration says that changes numbers, or how training goes on. */
export interface AdapterConfig {
  readonly dropout: number
  readonly rankStabilized: boolean
  /** The rank that a module's change is to have. */
  rankOf(module: string): number
  alphaOf(module: string): number
  /** Whether peft would give a module a change; undefined where a regular expression decides. */
  targets(module: string): boolean | undefined
  /** Whether peft would take a module's own weights from the file. */
  saves(module: string): boolean
}

/** Patterns of modules that a configuration may have. */
const mostPatterns = 2 ** 14
/** How the matrices began is of no account once they are trained, unless the weights below changed, too. */
const beginnings: readonly unknown[] = [true, false, 'gaussian', 'orthogonal', 'eva']
/** What heed has none of. */
const refused = [
  'use_dora',
  'use_qalora',
  'lora_bias',
  'layer_replication',
  'trainable_token_indices',
  'alora_invocation_tokens',
  'target_parameters',
  'megatron_config',
  'use_bdlora',
  'arrow_config',
  'kasa_config',
  'velora_config',
  'monteclora_config',
  'ensure_weight_tying',
]
const harmless = [
  'task_type',
  'auto_mapping',
  'peft_version',
  'base_model_name_or_path',
  'revision',
  'inference_mode',
  'fan_in_fan_out',
  'megatron_core',
  'qalora_group_size',
  'loftq_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'runtime_config',
]

const ofTasks: Readonly<Record<string, readonly string[]>> = {
  SEQ_CLS: ['classifier', 'score'],
  TOKEN_CLS: ['classifier', 'score'],
  QUESTION_ANS: ['qa_outputs'],
}

/** Modules that peft takes from the file for a task, named or not. */
export function modulesOfTask(task: string): readonly string[] {
  return Object.hasOwn(ofTasks, task) ? ofTasks[task]! : []
}

/**
 * Reads a configuration.
 *
 * @throws FormatError naming a field that makes no sense, or that heed doesn't handle and that changes
 * numbers
 */
export function readAdapterConfig(json: JsonValue): AdapterConfig {
  const config = new CheckpointConfig(json)
  config.only('peft_type', 'LORA')
  config.only('bias', 'none')
  for (const name of refused) config.only(name, false)
  config.ignore(...harmless)
  const beginning = config.field('init_lora_weights')
  if (!beginning.isNull && !beginnings.includes(beginning.value))
    beginning.refuse('true, false or the name of a beginning that leaves the weights below as they are', {
      hint: 'let peft save it with path_initial_model_for_weight_conversion',
    })
  const rank = config.size('r', { most: 2 ** 16, absent: 8 })
  const alpha = config.positive('lora_alpha', { absent: 8 })
  const ranks = patternsOf(config.field('rank_pattern'), (value) => value.count(2 ** 16))
  const alphas = patternsOf(config.field('alpha_pattern'), (value) =>
    typeof value.value === 'number' && value.value > 0 && value.value < Infinity
      ? value.value
      : value.refuse('a number above 0'),
  )
  const dropout = config.field('lora_dropout')
  const rate = dropout.isNull ? 0 : dropout.value
  if (typeof rate !== 'number' || !(rate >= 0 && rate < 1))
    dropout.refuse('a rate from 0 up to, but without, 1')
  const task = config.field('task_type').value
  const saved = [
    ...(namesOf(config.field('modules_to_save')) ?? []),
    ...(typeof task === 'string' ? modulesOfTask(task) : []),
  ]
  const made: AdapterConfig = {
    dropout: rate as number,
    rankStabilized: config.flag('use_rslora', false),
    rankOf: (module) => valueFor(ranks, module) ?? rank,
    alphaOf: (module) => valueFor(alphas, module) ?? alpha,
    targets: targetsOf(config),
    saves: (module) => saved.some((name) => `.${module}.`.includes(`.${name}.`)),
  }
  config.end()
  return made
}

/** Names in a list; undefined where there is a text in place of it. */
function namesOf(field: JsonValue): readonly string[] | undefined {
  if (field.isNull) return []
  if (typeof field.value === 'string') return undefined
  const items = field.items()
  if (items.length > mostPatterns) field.refuse(`at most ${mostPatterns} names`, { found: 'more' })
  return items.map((item) => item.string())
}

const endsWith = (module: string, name: string): boolean => module === name || module.endsWith(`.${name}`)

/** Whether peft would give a module a change (`check_target_module_exists`). */
function targetsOf(config: CheckpointConfig): AdapterConfig['targets'] {
  const [targets, excluded] = ['target_modules', 'exclude_modules'].map((name) => namesOf(config.field(name)))
  const layers = config.field('layers_to_transform')
  const chosen = layers.isNull
    ? undefined
    : typeof layers.value === 'number'
      ? [layers.count()]
      : layers.items().map((item) => item.count())
  const pattern = config.field('layers_pattern')
  const lists = typeof pattern.value === 'string' ? [pattern.value] : namesOf(pattern)!
  // A list of plain names can be followed; regular expressions are Python's affair.
  const isPlain = lists.every((name) => /^[\w.]*$/.test(name))
  if (targets === undefined || excluded === undefined || !isPlain) return () => undefined
  return (module) => {
    if (excluded.some((name) => endsWith(module, name))) return false
    if (targets.includes(module)) return true
    if (!targets.some((name) => endsWith(module, name))) return false
    if (chosen === undefined || chosen.length === 0) return true
    const layer = layerOf(
      module,
      lists.filter((name) => name !== ''),
    )
    return layer !== undefined && chosen.includes(layer)
  }
}

/** The number of the layer that a module is of: the first number behind a list's name. */
function layerOf(module: string, lists: readonly string[]): number | undefined {
  const parts = module.split('.')
  const place = parts.findIndex(
    (part, i) =>
      /^\d+$/.test(part) &&
      i < parts.length - 1 &&
      (lists.length === 0 ? i >= 2 : lists.some((name) => endsWith(parts.slice(0, i).join('.'), name))),
  )
  return place < 0 ? undefined : Number(parts[place])
}

/** A value by the pattern of a module: a regular expression, of which dots, plain letters and `\d+` go. */
interface PatternValue {
  readonly matches: (module: string) => boolean
  readonly value: number
}

function patternsOf(field: JsonValue, read: (value: JsonValue) => number): PatternValue[] {
  if (field.isNull) return []
  const members = field.members()
  if (members.length > mostPatterns) field.refuse(`at most ${mostPatterns} patterns`, { found: 'more' })
  return members.map(([key, member]) => ({ matches: matcherOf(key, member), value: read(member) }))
}

function valueFor(patterns: readonly PatternValue[], module: string): number | undefined {
  return patterns.find(({ matches }) => matches(module))?.value
}

/**
 * Whether the end of a module's name, behind a dot or as a whole, is like a key (peft's `get_pattern_key`).
 * Only expressions are taken that need no trying: names, any character for a dot, `\d+`, `[0-9]+` and `\.`,
 * and `^` in front.
 */
function matcherOf(key: string, member: JsonValue): (module: string) => boolean {
  const inner = key.replace(/^\^/, '').replace(/\$$/, '')
  const isWhole = key.startsWith('^')
  const tokens = inner.match(/\\d\+|\[0-9\]\+|\\\.|[\w.-]/g) ?? []
  const isGreedy = /(\\d|\])\+(\d|\\d|\[)/.test(inner)
  if (key.length > 1000 || inner === '' || isGreedy || tokens.join('') !== inner)
    member.refuse("a module's name, or one with \\d+ for its numbers", {
      found: JSON.stringify(key.slice(0, 100)),
      hint: 'write the names in full',
    })
  if (isWhole) return (module) => isLike(tokens, module)
  return (module) => {
    for (let at = -1; ;) {
      if (isLike(tokens, module.slice(at + 1))) return true
      at = module.indexOf('.', at + 1)
      if (at < 0) return false
    }
  }
}

function isLike(tokens: readonly string[], text: string): boolean {
  let at = 0
  for (const token of tokens) {
    if (token === '\\d+' || token === '[0-9]+') {
      const start = at
      while (at < text.length && text[at]! >= '0' && text[at]! <= '9') at++
      if (at === start) return false
    } else {
      const wanted = token === '\\.' ? '.' : token
      if (at >= text.length || (token !== '.' && text[at] !== wanted)) return false
      at++
    }
  }
  return at === text.length
}
