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
  /** Models that are measured beside it: paths, by the names that the card gives them. */
  readonly beside: Readonly<Record<string, string>>
  /** Further options of the task, which it checks. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Where the finished model goes. */
export interface PublishConfig {
  /** The folder of its package. */
  readonly to: string
  /** The package's name: `@heed/entailment`. */
  readonly name: string
  readonly version: string
  readonly description: string
  /** As package.json has it. */
  readonly licence: string
  readonly weights: 'f32' | 'f16' | 'bf16' | 'q8_0'
  /** More bytes than that are refused. */
  readonly limitBytes: number
}

const evaluationNames = ['name', 'task', 'data', 'learnFrom', 'baselines', 'beside', 'settings'] as const
const publishNames = ['to', 'name', 'version', 'description', 'licence', 'weights', 'limitBytes'] as const

/** The field `evaluation`: one, or a list. @throws {ConfigError} for what makes no sense */
export function evaluationsOf(top: Section, file: string): readonly EvaluationConfig[] {
  const found = top.sections('evaluation', evaluationNames).map((own) => {
    const beside = own.has('beside') ? own.record('beside') : {}
    return {
      name: own.text('name'),
      task: own.text('task'),
      data: sourcesOf(own, 'data', file),
      learnFrom: own.has('learnFrom') ? sourcesOf(own, 'learnFrom', file) : [],
      baselines: own.flag('baselines', true),
      beside: Object.fromEntries(
        Object.entries(beside).map(([name, path]) => [name, pathIn(own, `beside.${name}`, path, file)]),
      ),
      settings: own.has('settings') ? own.plain('settings') : {},
    }
  })
  const names = found.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    throw top.error('evaluation', 'evaluations with names of their own', `'${twice}' twice`)
  return found
}

/** The field `publish`. @throws {ConfigError} for what makes no sense */
export function publishOf(top: Section, file: string): PublishConfig {
  const own = top.section('publish', publishNames)
  const name = own.text('name')
  if (!/^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/.test(name))
    throw own.error('name', 'the name of a package, such as "@heed/entailment"', JSON.stringify(name))
  return {
    to: pathIn(own, 'to', own.text('to'), file),
    name,
    version: own.text('version', '0.1.0'),
    description: own.text('description'),
    licence: own.text('licence', 'SEE LICENSE IN README.md'),
    weights: own.choice('weights', ['f32', 'f16', 'bf16', 'q8_0'], 'f16'),
    limitBytes: own.integer('limitBytes', { least: 1 }, 64e6),
  }
}
