/** The models that heed ships, by task. */
import { nodeModule, StateError, UsageError } from '../base/index.js'

/** The package that has a task's model, and the folder in it; default the package's own. */
export interface ShippedModel {
  readonly package: string
  readonly folder?: string
}

const models: Readonly<Record<string, ShippedModel>> = {
  'text-generation': { package: '@heed/first-light' },
}

/**
 * The folder of the model that is shipped for a task, wherever the package manager has put it.
 *
 * @throws UsageError where none is shipped, StateError where it isn't installed
 */
export function shippedFolder(task: string): string {
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
  let cause: unknown
  for (const from of [import.meta.url, paths.join(globalThis.process.cwd(), 'package.json')])
    try {
      const found = createRequire(from).resolve(`${model.package}/package.json`)
      return paths.join(paths.dirname(found), model.folder ?? '.')
    } catch (error) {
      cause = error
    }
  throw new StateError({
    operation: task,
    expected: `the model that heed ships for it, the package ${model.package}`,
    found: 'none installed',
    hint: `install it (npm install ${model.package}), or name the folder of a model`,
    cause,
  })
}
