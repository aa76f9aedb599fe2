import { checkFunction, checkNames, inWords, nearestPaths, refusePromise, UsageError } from '../base/index.js'
import { dispose, keep, rename, type Tensor } from '../tensor/index.js'
import { heedName } from './alias.js'
import { patternOf } from './pattern.js'
import { type Observation, runUnder, surroundings, type Watcher } from './tap.js'

/** How values are looked at. */
export interface ObserveOptions {
  /** Whether `work` is a part of what has these values: names that it lacks are no error. Default false. */
  readonly partial?: boolean | undefined
}

/**
 * Runs `work` and shows each value with one of these names to its watcher. A watcher may read the value. It
 * may also replace it, by returning another tensor of the same axes, sizes and dtype. The model then goes on
 * with that one, and gradients flow through it.
 *
 *     const filters = { 'blocks.*.attention.filter': (filter, name) => { … } }
 *     observe(filters, () => decoderLogits(model, config, ids))
 *
 * Names are heed's (docs/observe.md lists them) or TransformerLens'; `*` stands for any one part. A value
 * goes through its watchers in their order here, then through those of the `observe` around this one. Layers
 * free what they no longer need, so a watcher that keeps a value copies its numbers (`values()`); `collect`
 * keeps tensors.
 *
 * @throws UsageError for a name that nothing in `work` had: it lists the nearest names that were there
 * @throws ShapeError if a replacement does not fit
 */
export function observe<T>(
  watchers: Readonly<Record<string, Watcher>>,
  work: () => T,
  options: ObserveOptions = {},
): T {
  checkWatchers(watchers)
  checkNames('observe', options, ['partial'])
  checkFunction('observe', 'the work', work)
  const patterns = Object.entries(watchers).map(([written, watcher]) => ({
    pattern: patternOf(written, heedName(written)),
    watcher,
    met: false,
  }))
  const observation: Observation = {
    ...surroundings(),
    seen: new Set(),
    watchers: patterns.map((entry) => ({
      pattern: entry.pattern,
      watcher: (value, name) => {
        entry.met = true
        return entry.watcher(value, name)
      },
    })),
  }
  const result = refusePromise(
    'observe',
    runUnder(observation, work),
    'observe each synchronous call inside it',
  )
  if (options.partial === true) return result
  for (const { pattern, met } of patterns) if (!met) throw missing(pattern.written, observation.seen)
  return result
}

function checkWatchers(watchers: Readonly<Record<string, Watcher>> | null): void {
  if (typeof watchers !== 'object' || watchers === null || Array.isArray(watchers))
    throw new UsageError({
      operation: 'observe',
      expected: 'watchers by the names of values',
      found: inWords(watchers),
      hint: "write { 'blocks.0.attention.filter': (filter) => { … } }",
    })
  for (const [name, watcher] of Object.entries(watchers))
    checkFunction('observe', `the watcher of '${name}'`, watcher)
}

/** What `collect` gives: the result of the work, and each value by its full name in heed's words. */
export interface Collected<T> {
  readonly result: T
  readonly values: ReadonlyMap<string, Tensor<string>>
}

/**
 * Runs `work` and keeps the values with these names (as in `observe`). They belong to the scope around the
 * call, like any other tensor made there, and gradients flow through them. A name that comes by several times
 * is kept as it was last.
 *
 * @throws UsageError for a name that nothing in `work` had
 */
export function collect<T>(names: readonly string[], work: () => T): Collected<T> {
  if (!Array.isArray(names))
    throw new UsageError({
      operation: 'collect',
      expected: 'a list of names',
      found: inWords(names),
      hint: "write collect(['blocks.*.attention.filter'], work)",
    })
  const held = new Map<string, Tensor>()
  const hold: Watcher = (value, name) => {
    held.get(name)?.dispose()
    // A view of its own outlives the layer's.
    held.set(name, keep(rename(value, {})) as Tensor)
  }
  try {
    const result = observe(Object.fromEntries(names.map((name) => [name, hold])), work)
    return { result, values: new Map([...held].map(([name, value]) => [name, rename(value, {}) as Tensor])) }
  } finally {
    dispose([...held.values()])
  }
}

function missing(written: string, seen: ReadonlySet<string>): UsageError {
  return new UsageError({
    operation: 'observe',
    expected: 'the name of a value that the work computes',
    found: `'${written}', which nothing had`,
    hint:
      seen.size === 0
        ? 'nothing that it ran has named values: call a model or a layer inside'
        : `the nearest names are ${nearestPaths(heedName(written), seen)
            .map((name) => `'${name}'`)
            .join(', ')}`,
  })
}
