import { StateError } from '../base/index.js'
import {
  add,
  addInto,
  type AnyTensor,
  disposeOwned,
  isTensor,
  placeInto,
  type Recorded,
  scope,
  type Tape,
  type Tensor,
  withTape,
} from '../tensor/index.js'
import type { Checkpointed } from './checkpoint.js'
import type { GradientRule, Placed } from './rule.js'
import { gradients } from './table.js'

/**
 * Remembers the operations between some inputs and what is computed from them, and runs them backwards
 * (reverse mode).
 */
export class GradientTape implements Tape {
  readonly #tracked: Set<AnyTensor>
  readonly #outer: Tape | undefined
  #entries: Recorded[] = []
  #stopped = false

  /**
   * @param outer the tape of the gradient that this one is taken inside of: it must not miss what happens
   * here
   */
  constructor(inputs: Iterable<AnyTensor>, outer?: Tape) {
    this.#tracked = new Set(inputs)
    this.#outer = outer
  }

  /** @throws StateError for what the outer tape tracks: its gradient through this one would be lost */
  tracks(inputs: readonly AnyTensor[]): boolean {
    if (this.#outer?.tracks(inputs) === true) throw secondOrder()
    for (const input of inputs) if (this.#tracked.has(input)) return true
    return false
  }

  record(entry: Recorded): void {
    this.#entries.push(entry)
    this.#tracked.add(entry.output)
  }

  stop(input: AnyTensor): void {
    this.#outer?.stop?.(input)
    if (this.#tracked.has(input)) this.#stopped = true
  }

  /** Whether `output` was computed from the inputs, or may have been but for a `stopGradient`. */
  reaches(output: AnyTensor): boolean {
    return this.#tracked.has(output) || this.#stopped
  }

  /**
   * The gradients of sum(output × outputGradient) with respect to `inputs` (undefined where nothing depends
   * on one). Frees each intermediate value as soon as nothing before it needs it; the tape is empty
   * afterwards.
   */
  backward(outputs: ReadonlyMap<AnyTensor, Tensor>, inputs: readonly AnyTensor[]): (Tensor | undefined)[] {
    const entries = this.#entries
    this.#entries = []
    const wanted = new Set(inputs)
    const held = new Map<AnyTensor, Tensor>(outputs)
    const filling = new Set<Tensor>()
    withTape(undefined, () => {
      for (let entry = entries.pop(); entry !== undefined; entry = entries.pop()) {
        const { output } = entry
        const gradient = held.get(output)
        if (gradient !== undefined) {
          filling.delete(gradient)
          const parts = this.#inputGradients(entry, gradient)
          entry.inputs.forEach((input, i) => {
            const part = parts[i]
            if (part === undefined) return
            if (isTensor(part)) {
              accumulate(held, input, part)
              return
            }
            place(held, filling, input, part)
            if (part.part !== gradient) disposeOwned(part.part)
          })
          if (!wanted.has(output)) {
            held.delete(output)
            if (!outputs.has(output) && !parts.includes(gradient)) disposeOwned(gradient)
          }
        }
        if (!outputs.has(output) && !wanted.has(output)) disposeOwned(output)
      }
    })
    return inputs.map((input) => held.get(input))
  }

  #inputGradients(entry: Recorded, gradient: Tensor): ReturnType<GradientRule> {
    const rule = gradients[entry.operation]
    if (rule === undefined) {
      throw new StateError({
        operation: entry.operation,
        expected: 'an operation with a gradient',
        found: 'none in the table',
        hint: 'add a row to autograd/table.ts, or keep it outside what is differentiated',
      })
    }
    return scope(() => rule(entry, gradient, (input) => this.#tracked.has(input)))
  }
}

/** Gradients inside of a gradient. */
export function secondOrder(): StateError {
  return new StateError({
    operation: 'grad',
    expected: 'a gradient of what no other gradient is taken of',
    found: 'a gradient inside of a gradient',
    hint: 'take it outside of the loss, or give it stopGradient(x): a gradient of a gradient cannot be had',
  })
}

/** A block of which nothing was kept runs again, with a tape of its own. */
gradients.checkpoint = ({ attributes }, gradient) => {
  const { run, inputs } = attributes as Checkpointed
  const tape = new GradientTape(inputs)
  const output = withTape(tape, run)
  return tape.backward(new Map([[output as AnyTensor, gradient]]), inputs)
}

/** Adds `part` to the gradient that `input` has so far. */
function accumulate(held: Map<AnyTensor, Tensor>, input: AnyTensor, part: Tensor): void {
  const sum = held.get(input)
  held.set(input, sum === undefined ? part : add(sum, part))
  if (sum !== undefined && sum !== part) {
    disposeOwned(sum)
    disposeOwned(part)
  }
}

/**
 * Adds the gradient of some positions. Sums in `filling` were made here and nobody has seen them: they are
 * added to in place.
 */
function place(
  held: Map<AnyTensor, Tensor>,
  filling: Set<Tensor>,
  input: AnyTensor,
  { part, axis, start }: Placed,
): void {
  const sum = held.get(input)
  if (sum !== undefined && filling.has(sum)) {
    addInto(part, sum, axis, start)
    return
  }
  accumulate(held, input, placeInto(part, input, axis, start))
  filling.add(held.get(input)!)
}
