import type { DataSource } from 'heed'
import type { Section } from '../section.js'
import { pathIn, sourcesOf } from './data.js'

/** What the finished model is measured by. */
export interface EvaluationConfig {
  /** As the card and the results call it: `SNLI dev, half`. */
  readonly name: string
  /** As of `heed evaluate`. */
  readonly task: string
  readonly data: readonly DataSource[]
  /** Records that baselines learn from. */
  readonly learnFrom: readonly DataSource[]
  readonly baselines: boolean
  /** Models that are measured beside it, by the names that the card gives them. */
  readonly beside: Readonly<Record<string, BesideConfig>>
  /** Further options of the task, which it checks. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Another model, and the settings of the task that are others for it. */
export interface BesideConfig {
  /** Default: the model itself, with other settings. */
  readonly path: string | undefined
  readonly settings: Readonly<Record<string, unknown>>
}

/** How it is measured what each head of the finished model is worth. */
export interface HeadsConfig {
  /** The evaluation whose score counts, with the settings that are others here. */
  readonly evaluation: EvaluationConfig
  /** So many records of it, drawn by the seed; of search, queries. */
  readonly sample: number
  readonly ablation: 'zero' | 'uniform'
  /** Default: the task's first. */
  readonly metric: string | undefined
}

/** Where the finished model goes. */
export interface PublishConfig {
  /** The folder of its package, or a folder in another's. */
  readonly to: string
  /** Whether it is a part of a package that is there already, and so gets no `package.json`. */
  readonly part: boolean
  /** The package's name: `@heed/entailment`. */
  readonly name: string
  readonly version: string
  readonly description: string
  /** As package.json has it. */
  readonly licence: string
  /** Whether the changes of low rank alone are published, and not the model that they are merged into. */
  readonly adapter: boolean
  /** Where the model below an adapter lies, seen from `to`; default where the training took it from. */
  readonly base: string | undefined
  /** More bytes than that are refused. */
  readonly limitBytes: number
}

const evaluationNames = ['name', 'task', 'data', 'learnFrom', 'baselines', 'beside', 'settings'] as const
const publishNames = [
  'to',
  'part',
  'name',
  'version',
  'description',
  'licence',
  'adapter',
  'base',
  'limitBytes',
] as const

/** The field `evaluation`: one, or a list. @throws {ConfigError} for what makes no sense */
export function evaluationsOf(top: Section, file: string): readonly EvaluationConfig[] {
  const found = top.sections('evaluation', evaluationNames).map((own) => {
    return {
      name: own.text('name'),
      task: own.text('task'),
      data: sourcesOf(own, 'data', file),
      learnFrom: own.has('learnFrom') ? sourcesOf(own, 'learnFrom', file) : [],
      baselines: own.flag('baselines', true),
      beside: own.has('beside') ? besideOf(own, file) : {},
      settings: settingsOf(own, file),
    }
  })
  const names = found.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    throw top.error('evaluation', 'evaluations with names of their own', `'${twice}' twice`)
  return found
}

/** The field `heads`. @throws {ConfigError} for what makes no sense */
export function headsOf(top: Section, evaluations: readonly EvaluationConfig[], file: string): HeadsConfig {
  const own = top.section('heads', ['evaluation', 'sample', 'ablation', 'metric', 'settings'])
  const [first] = evaluations
  if (first === undefined) throw top.error('heads', 'left out where nothing is evaluated', 'there')
  const names = evaluations.map(({ name }) => name)
  const wanted = own.choice('evaluation', names, first.name)
  const evaluation = evaluations.find(({ name }) => name === wanted)!
  return {
    evaluation: { ...evaluation, settings: { ...evaluation.settings, ...settingsOf(own, file) } },
    sample: own.integer('sample', { least: 1 }, 300),
    ablation: own.choice('ablation', ['zero', 'uniform'], 'zero'),
    metric: own.has('metric') ? own.text('metric') : undefined,
  }
}

function besideOf(own: Section, file: string): Readonly<Record<string, BesideConfig>> {
  const names = Object.keys(own.plain('beside'))
  const models = own.section('beside', names)
  return Object.fromEntries(
    names.map((name) => {
      if (typeof models.raw(name) === 'string')
        return [name, { path: pathIn(models, name, models.text(name), file), settings: {} }]
      const model = models.section(name, ['path', 'settings'])
      return [
        name,
        {
          path: model.has('path') ? pathIn(model, 'path', model.text('path'), file) : undefined,
          settings: settingsOf(model, file),
        },
      ]
    }),
  )
}

/** Options of the task, of which some are paths of other models. */
function settingsOf(own: Section, file: string): Readonly<Record<string, unknown>> {
  if (!own.has('settings')) return {}
  // null: not as the evaluation has it, but as by default.
  const settings = Object.fromEntries(
    Object.entries(own.plain('settings')).map(([name, value]) => [name, value ?? undefined]),
  )
  for (const name of ['rerank', 'first', 'towers']) {
    const path = settings[name]
    if (typeof path === 'string') settings[name] = pathIn(own, `settings.${name}`, path, file)
  }
  return settings
}

/** The field `publish`. @throws {ConfigError} for what makes no sense */
export function publishOf(top: Section, file: string): PublishConfig {
  const own = top.section('publish', publishNames)
  const name = own.text('name')
  if (!/^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/.test(name))
    throw own.error('name', 'the name of a package, such as "@heed/entailment"', JSON.stringify(name))
  return {
    to: pathIn(own, 'to', own.text('to'), file),
    part: own.flag('part', false),
    name,
    version: own.text('version', '0.1.0'),
    description: own.text('description'),
    licence: own.text('licence', 'SEE LICENSE IN README.md'),
    adapter: own.flag('adapter', false),
    base: own.has('base') ? own.text('base') : undefined,
    limitBytes: own.integer('limitBytes', { least: 1 }, 64e6),
  }
}
