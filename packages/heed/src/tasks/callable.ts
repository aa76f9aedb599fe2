import { StateError } from '../base/index.js'
import type { Running } from '../models/index.js'
import type { FewShotClassifier } from '../train/index.js'
import { dispose } from '../tensor/index.js'
import type { TaskPipeline } from './task.js'

/** A model that a pipeline is made of. */
export interface Opened {
  readonly model: Running
  /** Whether the pipeline read it itself, and frees its weights. */
  readonly owned: boolean
  /** Runs each synchronous piece of the model's work, of tasks that write. */
  readonly around?: (<T>(work: () => T) => T) | undefined
  /** Where the model is the encoder of a classifier of few examples. */
  readonly fewShot?: FewShotClassifier | undefined
}

/** A pipeline: a function that runs a task, with what it runs on. */
export function callable<P extends TaskPipeline>(
  task: P['task'],
  { model, owned }: Opened,
  call: (...given: never[]) => Promise<unknown>,
  textOf: P['textOf'],
): P {
  let disposed = false
  const run = async (...given: never[]): Promise<unknown> => {
    if (disposed)
      throw new StateError({
        operation: task,
        expected: 'a pipeline that is not disposed of',
        found: 'one that is',
        hint: 'make a new one',
      })
    return call(...given)
  }
  const own: Omit<TaskPipeline, 'textOf'> & { readonly textOf: P['textOf'] } = {
    task,
    model,
    // A model of pictures alone has none.
    get tokenizer() {
      return model.tokenizer
    },
    textOf,
    dispose() {
      if (!disposed && owned) dispose(model.model)
      disposed = true
    },
  }
  return Object.defineProperties(run, Object.getOwnPropertyDescriptors(own)) as unknown as P
}
