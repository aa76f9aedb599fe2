import { checkNames, leavesOf, nearestPaths, UsageError } from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { type DecayOptions, matricesDecay } from './optimizer.js'

/** Weights by a pattern of their paths, and how they are trained. */
export interface ParameterGroup {
  /**
   * A path of the model's tree, such as `blocks.3.attention.query.weight`, or the beginning of some:
   * `blocks.3` names all of that block. `*` stands for any one part: `blocks.*.attention`.
   */
  readonly pattern: string
  /** What the rate is multiplied by. */
  readonly rate?: number | undefined
  /** The weight decay. */
  readonly decay?: number | undefined
  /** Whether they stay as they are. */
  readonly frozen?: boolean | undefined
}

/** What groups say of each weight. Where several name one, the last that says something counts. */
export interface Grouped {
  /** For an optimizer. */
  readonly options: DecayOptions
  readonly isFrozen: (path: string) => boolean
}

/**
 * Groups, held to a model. What none of them says something of decays by `decay` where it is a matrix
 * (`matricesDecay`), and not where it is a bias or a norm's.
 *
 * @throws UsageError for a pattern that names nothing, or numbers that make no sense
 */
export function grouped(model: unknown, groups: readonly ParameterGroup[], decay: number): Grouped {
  const paths = [...leavesOf<Tensor>(model, isTensor).keys()]
  const found = groups.map((group, i) => check(group, `groups[${i}]`, paths))
  const last = <K extends 'rate' | 'decay' | 'frozen'>(path: string, name: K): ParameterGroup[K] =>
    found.findLast(({ group, named }) => group[name] !== undefined && named.has(path))?.group[name]
  return {
    options: {
      decay,
      decayed: (path, weight) => last(path, 'decay') ?? matricesDecay(path, weight),
      rateFactor: (path) => last(path, 'rate') ?? 1,
    },
    isFrozen: (path) => last(path, 'frozen') ?? false,
  }
}

function check(
  group: ParameterGroup,
  place: string,
  paths: readonly string[],
): { readonly group: ParameterGroup; readonly named: ReadonlySet<string> } {
  checkNames('train', group, ['pattern', 'rate', 'decay', 'frozen'] satisfies (keyof ParameterGroup)[], place)
  const { pattern } = group
  if (typeof pattern !== 'string' || pattern.length > 1000)
    throw wrong(`${place}.pattern, such as 'blocks.*.attention'`, typeof pattern, 'write a path of the model')
  for (const name of ['rate', 'decay'] as const) {
    const value = group[name]
    if (value !== undefined && !(value >= 0 && value < Infinity))
      throw wrong(`${place}.${name} of at least 0`, String(value), 'correct that number')
  }
  const wanted = pattern.split('.')
  const named = paths.filter((path) => {
    const parts = path.split('.')
    return wanted.every((part, i) => (part === '*' ? i < parts.length : part === parts[i]))
  })
  if (named.length > 0) return { group, named: new Set(named) }
  const some = new Set(paths.map((path) => path.replace(/(?<=^|\.)\d+(?=\.|$)/g, '*')))
  throw wrong(
    `weights of the model at '${pattern}'`,
    'none',
    `the nearest are ${nearestPaths(pattern, some, 3).join(', ')}`,
  )
}

function wrong(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: 'train', expected, found, hint })
}
