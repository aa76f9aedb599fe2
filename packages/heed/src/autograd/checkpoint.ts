import { refusePromise } from '../base/index.js'
import {
  type AnyTensor,
  currentTape,
  record,
  scope,
  type Tape,
  type Tensor,
  withTape,
} from '../tensor/index.js'
import { parametersOf } from './parameters.js'

/** What the gradient of a block that runs again needs: see `GradientTape`. */
export interface Checkpointed {
  readonly run: () => Tensor
  readonly inputs: readonly AnyTensor[]
}

/** Finds what a block takes of what another tape tracks, and keeps nothing. */
class Onlooker implements Tape {
  readonly found: Set<AnyTensor> = new Set()
  readonly #outer: Tape

  constructor(outer: Tape) {
    this.#outer = outer
  }

  tracks(inputs: readonly AnyTensor[]): boolean {
    for (const input of inputs)
      if (!this.found.has(input) && this.#outer.tracks([input])) this.found.add(input)
    return false
  }

  record(): void {}

  stop(input: AnyTensor): void {
    this.#outer.stop?.(input)
  }
}

/**
 * Rematerialization: memory for time (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
 * `checkpoint(block)(model, x)` gives what `block(model, x)` gives, but keeps nothing of its inside for the
 * gradient. The block runs again when the gradient is taken.
 *
 * What the block takes from around it gets its gradient as the arguments do. Without an argument that a
 * gradient is taken of, the block runs as it is.
 */
export function checkpoint<R extends readonly unknown[], A extends string>(
  block: (...inputs: R) => Tensor<A>,
): (...inputs: R) => Tensor<A> {
  return (...inputs) => {
    const outer = currentTape()
    if (outer === undefined || !outer.tracks(parametersOf(inputs)))
      return refusePromise('checkpoint', block(...inputs), 'give a synchronous block')
    const onlooker = new Onlooker(outer)
    const output = withTape(onlooker, () => scope(() => block(...inputs)), false)
    // A block that gives what it was given has nothing to compute again.
    if (outer.tracks([output])) return output
    const taken = [...onlooker.found]
    const attributes: Checkpointed = { run: () => block(...inputs) as unknown as Tensor, inputs: taken }
    return record('checkpoint', taken, output, attributes)
  }
}
