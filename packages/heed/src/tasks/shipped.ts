/** The models that heed ships, by task. */
import { nodeModule, StateError, UsageError } from '../base/index.js'

/** The package that has a task's model, and the file or folder in it; default the package's own. */
export interface ShippedModel {
  readonly package: string
  readonly path?: string
}

const reader = '@heed/reader'
const entailment: ShippedModel = { package: reader, path: 'entailment' }
const sentences: ShippedModel = { package: '@heed/sentences' }

const models: Readonly<Record<string, ShippedModel>> = {
  'text-classification': entailment,
  'zero-shot-classification': entailment,
  'feature-extraction': sentences,
  'sentence-similarity': sentences,
  'question-answering': { package: reader, path: 'reading' },
  rerank: { package: reader, path: 'rerank' },
  'text-generation': { package: '@heed/first-light' },
}

/**
 * The path of the model that is shipped for a task, wherever the package manager has put it.
 *
 * @throws UsageError where none is shipped, StateError where it isn't installed
 */
export function shippedPath(task: string): string {
  const model = Object.hasOwn(models, task) ? models[task]! : undefined
  if (model === undefined)
    throw new UsageError({
      operation: task,
      expected: 'the folder of a model',
      found: 'none, and none is shipped for this task',
      hint: `write pipeline('${task}', folder)`,
    })
  const { createRequire } = nodeModule<typeof import('node:module')>('node:module', task)
  const paths = nodeModule<typeof import('node:path')>('node:path', task)
  const files = nodeModule<typeof import('node:fs')>('node:fs', task)
  let found = 'none installed'
  let cause: unknown
  for (const from of [import.meta.url, paths.join(globalThis.process.cwd(), 'package.json')])
    try {
      const folder = paths.dirname(createRequire(from).resolve(`${model.package}/package.json`))
      const path = paths.join(folder, model.path ?? '.')
      if (files.existsSync(path)) return path
      found = `${folder} without '${model.path}'`
    } catch (error) {
      cause = error
    }
  throw new StateError({
    operation: task,
    expected: `the model that heed ships for it, the package ${model.package}`,
    found,
    hint: `install it (npm install ${model.package}), or name the folder of a model`,
    cause,
  })
}
