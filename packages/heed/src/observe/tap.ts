/**
 * Taps: the places where a running model can be looked into. A layer passes each value that has a name
 * through `tap`, and names nest by `within`: `blocks.3.attention.query`. While nobody looks, a tap is one
 * check of one variable; `observe` (in observe.ts) looks.
 */
import { kindOf, refusePromise, ShapeError, StateError } from '../base/index.js'
import { type AnyTensor, isTensor, type Tensor } from '../tensor/index.js'
import type { Pattern } from './pattern.js'

/**
 * Looks at a value, or gives what the model shall go on with in its place: the same axes, sizes and dtype.
 */
export type Watcher = (value: Tensor<string>, name: string) => AnyTensor | void

/** One running `observe`. */
export interface Observation {
  /** The observation around this one: it looks at what this one let through. */
  readonly outer: Observation | undefined
  /** How many parts of the path were there already: names count from where `observe` was called. */
  readonly depth: number
  readonly watchers: readonly { readonly pattern: Pattern; readonly watcher: Watcher }[]
  /** Every name that went by or was asked after, for the error that lists the nearest. */
  readonly seen: Set<string>
}

let current: Observation | undefined
let path: readonly string[] = []

/**
 * Gives a value its name, below the names of the `within`s around it. Returns `value` itself, or what an
 * observer put in its place.
 *
 * @throws ShapeError or StateError where an observer's replacement does not fit
 */
export function tap<A extends string>(name: string, value: Tensor<A>): Tensor<A> {
  return current === undefined ? value : show(current, name, value)
}

/**
 * Runs `work` with `name` (several parts joined by dots, if need be) before every name in it:
 * `within('blocks.3', () => …)`.
 */
export function within<T>(name: string, work: () => T): T {
  const result = current === undefined ? work() : runAt(current, [...path, ...name.split('.')], work)
  return refusePromise('within', result, 'name each synchronous part')
}

/**
 * Whether anybody looks at one of these names, below the `within`s around it. A layer asks before it computes
 * a value that is only made to be looked at, as attention does with its filter.
 */
export function watched(...names: readonly string[]): boolean {
  let found = false
  for (let observation = current; observation !== undefined; observation = observation.outer) {
    for (const name of names) {
      const parts = nameOf(observation, name)
      observation.seen.add(parts.join('.'))
      found ||= observation.watchers.some(({ pattern }) => pattern.matches(parts))
    }
  }
  return found
}

/**
 * `work` bound to the observers and the names of this moment, to run later: what a checkpointed block needs,
 * since its second run comes when the gradient is taken. Observers see such a value twice, and replace it
 * both times.
 */
export function observedAsNow<R extends readonly unknown[], T>(
  work: (...inputs: R) => T,
): (...inputs: R) => T {
  if (current === undefined) return work
  const observation = current
  const at = path
  return (...inputs) => runAt(observation, at, () => work(...inputs))
}

/** The observation that runs, with the depth of the path: for `observe`. */
export function surroundings(): { readonly outer: Observation | undefined; readonly depth: number } {
  return { outer: current, depth: path.length }
}

/** Runs `work` under an observation. */
export function runUnder<T>(observation: Observation, work: () => T): T {
  return runAt(observation, path, work)
}

function runAt<T>(observation: Observation | undefined, at: readonly string[], work: () => T): T {
  const outer = current
  const before = path
  current = observation
  path = at
  try {
    return work()
  } finally {
    current = outer
    path = before
  }
}

function nameOf({ depth }: Observation, name: string): string[] {
  return [...path.slice(depth), ...name.split('.')]
}

function show<A extends string>(innermost: Observation, name: string, value: Tensor<A>): Tensor<A> {
  let shown = value
  for (let observation: Observation | undefined = innermost; observation; observation = observation.outer) {
    const parts = nameOf(observation, name)
    const full = parts.join('.')
    observation.seen.add(full)
    for (const { pattern, watcher } of observation.watchers) {
      if (!pattern.matches(parts)) continue
      // A watcher may run models itself: nobody looks at those.
      const replacement = runAt(undefined, [], () => watcher(shown as AnyTensor as Tensor, full))
      if (replacement !== undefined && replacement !== shown) shown = checked(full, shown, replacement)
    }
  }
  return shown
}

/** The replacement, if it can stand in for the value. */
function checked<A extends string>(name: string, value: Tensor<A>, replacement: AnyTensor): Tensor<A> {
  const operation = `observe '${name}'`
  if (!isTensor(replacement))
    throw new StateError({
      operation,
      expected: 'a watcher that gives a tensor or nothing',
      found: kindOf(replacement),
      hint: 'watchers are synchronous: return the tensor that shall replace the value, or undefined',
    })
  const fits =
    replacement.dtype === value.dtype &&
    replacement.layout.length === value.layout.length &&
    replacement.layout.every(({ name: axis, size }) =>
      value.layout.some((other) => other.name === axis && other.size === size),
    )
  if (!fits)
    throw new ShapeError({
      operation,
      expected: `a replacement like the value: ${value.describe()}`,
      found: replacement.describe(),
      hint: 'give a tensor with the same axes, sizes and dtype, in any order',
    })
  return replacement as AnyTensor as Tensor<A>
}
