/** Which head a configuration's class has. */
import type { Binding, CheckpointConfig } from '../../../checkpoint/index.js'
import { headBindings, type HeadNames } from './head.js'
import type { HeadDesign, HeadForm } from './head-design.js'

/** Most labels that a classifier may have. */
const mostLabels = 2 ** 20

/** A head as an architecture has it: what it is, and what its weights are called. */
export interface HeadChoice {
  /** `labels`: how many the configuration has. */
  readonly form: (config: CheckpointConfig, labels: number) => HeadForm
  readonly names: HeadNames
}

/** The heads of an architecture, by what follows `For` in the name of the class: `MaskedLM`. */
export type HeadChoices = Readonly<Record<string, HeadChoice>>

/**
 * What `architectures` of a configuration says stands on the model: `BertForMaskedLM` the choice `MaskedLM`,
 * `BertModel` and no class at all nothing.
 *
 * @throws FormatError for a class whose head isn't among the choices
 */
export function headOf(config: CheckpointConfig, choices: HeadChoices): HeadDesign | undefined {
  const { className = 'Model' } = config
  // ColBERT's own class has a projection, which `loadLateInteraction` reads.
  if (className.endsWith('Model') || className === 'HF_ColBERT') return undefined
  const name = className.slice(className.lastIndexOf('For') + 'For'.length)
  const choice = Object.hasOwn(choices, name) ? choices[name]! : undefined
  if (choice !== undefined && className.includes('For'))
    return { ...choice.form(config, labelsOf(config)), name }
  const known = Object.keys(choices).map((one) => `…For${one}`)
  return config.json.member('architectures').refuse(`a class …Model, or one of ${known.join(', ')}`, {
    found: JSON.stringify(className.slice(0, 100)),
    hint: 'name the class …Model for the states alone',
  })
}

/** The bindings of a design's head, by the choices that it was taken from. */
export function bindingsOfHead(head: HeadDesign | undefined, choices: HeadChoices): Binding[] {
  return head === undefined ? [] : headBindings(choices[head.name]!.names)
}

/** How many labels a classifier has. */
function labelsOf(config: CheckpointConfig): number {
  if (config.has('num_labels')) return config.size('num_labels', { most: mostLabels })
  const names = config.field('id2label')
  if (names.isNull) return 2
  const { length } = names.members()
  return length > 0 ? length : names.refuse('at least one label')
}
