/** A checkpoint of an encoder under another head than its files have. */
import {
  checkNames,
  checkWhole,
  combine,
  mapTree,
  partition,
  randomKey,
  readJson,
  UsageError,
} from '../base/index.js'
import {
  CheckpointConfig,
  type DescribedTensor,
  describingLater,
  hasLeaf,
  isModelLeaf,
  isWanted,
  loadTree,
  type LoadTreeOptions,
  type ModelLeaf,
  type WantedLeaf,
} from '../checkpoint/index.js'
import type { Weights } from '../formats/index.js'
import { normalInitializer } from '../nn/index.js'
import type { Architecture, Design } from './architecture.js'
import type { EncoderDesign } from './encoder/index.js'
import type { StoredModel } from './stored-model.js'

/** The head that an encoder is to have. */
export interface HeadOptions {
  /** What follows `For` in the name of its class. */
  readonly name:
    | 'SequenceClassification'
    | 'TokenClassification'
    | 'QuestionAnswering'
    | 'MaskedLM'
    | (string & {})
  /**
   * The labels of a classifier, in the order of its logits. Default: as many as the configuration has, or 2.
   */
  readonly labels?: readonly string[] | undefined
  /** What its numbers are, for who reads the folder; default: what one and several labels are taken for. */
  readonly problem?: 'regression' | 'single_label_classification' | 'multi_label_classification' | undefined
  /** Of the weights that the checkpoint lacks. Default 0. */
  readonly seed?: number | undefined
}

const operation = 'loadModel'
/** More labels than any head has. */
const mostLabels = 2 ** 14

/** Fields of a configuration that say what a head's logits are. */
const ofLabels = ['num_labels', '_num_labels', 'id2label', 'label2id', 'problem_type', 'finetuning_task']

/** The hub's names of classes, without what stands on the model. */
const classNames: Readonly<Record<string, string>> = {
  bert: 'Bert',
  roberta: 'Roberta',
  'xlm-roberta': 'XLMRoberta',
  camembert: 'Camembert',
  distilbert: 'DistilBert',
  electra: 'Electra',
  mpnet: 'MPNet',
  albert: 'Albert',
  'deberta-v2': 'DebertaV2',
  modernbert: 'ModernBert',
}

/**
 * A checkpoint as one whose configuration names this head.
 *
 * @throws UsageError for a model that takes no such head, or labels that make no sense
 */
export function withHead(stored: StoredModel, head: HeadOptions): StoredModel {
  checkNames(operation, head, ['name', 'labels', 'problem', 'seed'], 'head')
  const { name, labels, problem, seed = 0 } = head
  checkWhole(operation, 'head.seed', seed)
  const { architecture } = stored
  const heads = architecture?.heads ?? []
  if (!heads.includes(name))
    throw refused(
      heads.length === 0 ? 'an encoder, which takes a head' : `a head of ${heads.join(', ')}`,
      heads.length === 0 ? `'${architecture?.name ?? 'decoder'}'` : `'${String(name).slice(0, 100)}'`,
      heads.length === 0 ? 'load it without a head' : 'correct head.name',
    )
  if (labels !== undefined) checkLabels(labels)
  const className = `${classNameOf(stored)}For${name}`
  const said: Record<string, unknown> = { ...(stored.config.plain() as object) }
  // Labels of another head are none of this one's: transformers takes as many for an answer's ends, too.
  if (labels !== undefined || String(said['architectures']) !== className)
    for (const field of ofLabels) delete said[field]
  Object.assign(said, {
    architectures: [className],
    ...(labels && {
      id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
      label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    }),
    ...(problem && { problem_type: problem }),
  })
  const config = readJson(JSON.stringify(said), {
    operation,
    file: stored.path,
    hint: 'correct the configuration, or head',
    values: 2 ** 22,
    length: 2 ** 26,
  })
  const fields = new CheckpointConfig(config, stored.format)
  const design = architecture!.design(fields) as EncoderDesign
  fields.end()
  if (labels !== undefined && (design.head === undefined || !('labels' in design.head)))
    throw refused(`no labels for a head '${name}'`, `${labels.length}`, 'leave them out')
  return { ...stored, architecture, config, design, anotherHead: true }
}

/** A checkpoint under another head. */
export interface AnotherHead {
  /** As its files have it. */
  readonly before: StoredModel
  readonly stored: StoredModel
  readonly head: HeadOptions
}

/**
 * The weights of a checkpoint under another head: what the files have of it, and the rest made anew. Weights
 * of another head count as not there, and so does an output for other labels.
 */
export function treeWithHead(
  files: Weights,
  { before, stored, head }: AnotherHead,
  options: LoadTreeOptions,
): { readonly model: unknown; readonly design: Design } {
  const architecture = stored.architecture as Architecture
  const said = stored.design as EncoderDesign
  const has = hasLeaf(files, architecture.bindings(said))
  const design = (architecture.fitted?.(said, (path) => path.startsWith('head.')) ?? said) as EncoderDesign
  const bindings = architecture.bindings(design)
  const old = before.design as EncoderDesign
  const namesOf = (one: EncoderDesign): Map<string, string> =>
    new Map(
      architecture
        .bindings(one)
        .leaves.filter(({ path }) => path.startsWith('head.'))
        .map(({ path, file }) => [path, file]),
    )
  const [oldNames, names] = [namesOf(old), namesOf(design)]
  const sameKind = old.head === undefined || old.head.kind === design.head!.kind
  const sameLabels = labelsAgree(before, head)
  const isRead = ({ shape }: WantedLeaf, path: string): boolean => {
    if (!path.startsWith('head.')) return !path.startsWith('pooler.') || has(path)
    const isSame = sameKind && (oldNames.get(path) ?? names.get(path)) === names.get(path)
    return isSame && (sameLabels || !path.startsWith('head.output.')) && has(path, shape)
  }
  const deviation = (stored.config.member('initializer_range').value ?? 0.02) as number
  const initializer = normalInitializer(deviation > 0 ? deviation : 0.02)
  const like = architecture.create(design, randomKey(head.seed ?? 0, 'head'), {
    initializer: describingLater(initializer),
  })
  const [read, anew] = partition(like, isWanted, isRead)
  const poolers = bindings.leaves.filter(({ path }) => path.startsWith('pooler.')).map(({ file }) => file)
  const ignored = [...(bindings.ignored ?? []), ...oldNames.values(), ...names.values(), ...poolers]
  const tree = loadTree(files, read, { ...bindings, ignored }, options)
  const made = mapTree<unknown, WantedLeaf>(anew, isWanted, (leaf) => (leaf as DescribedTensor).make())
  return { design, model: combine<unknown, ModelLeaf>(tree, made, isModelLeaf) }
}

/** Whether the labels of a checkpoint's own head are those that are wanted, as far as it names them. */
function labelsAgree({ config }: StoredModel, { labels }: HeadOptions): boolean {
  const named = config.member('id2label')
  if (labels === undefined || named.isNull) return true
  const own = named.members().map(([, label]) => label.value)
  return labels.length === own.length && own.every((label, i) => label === labels[i] || isNumbered(label))
}

/** What a label is called that nobody named. */
function isNumbered(label: unknown): boolean {
  return typeof label === 'string' && /^LABEL_\d+$/.test(label)
}

/** The model's part of the name of its class: `Bert`. */
function classNameOf({ config }: StoredModel): string {
  const type = config.member('model_type').string()
  if (Object.hasOwn(classNames, type)) return classNames[type]!
  const named = config.member('architectures')
  const found = named.isNull ? undefined : /^(.+?)(?:For.*|Model)$/.exec(named.items()[0]?.string() ?? '')
  return found?.[1] ?? type.charAt(0).toUpperCase() + type.slice(1)
}

function checkLabels(labels: readonly string[]): void {
  const wrong =
    !Array.isArray(labels) || labels.length === 0 || labels.length > mostLabels
      ? `${Array.isArray(labels) ? labels.length : typeof labels}`
      : labels.some((label) => typeof label !== 'string')
        ? 'another value among them'
        : new Set(labels).size < labels.length
          ? 'the same twice'
          : undefined
  if (wrong !== undefined)
    throw refused(`head.labels, 1 to ${mostLabels} different texts`, wrong, 'correct head.labels')
}

function refused(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation, expected, found, hint })
}
