import { nearestPaths, UsageError } from '../../base/index.js'

/**
 * Whether a path of a tree is one that a pattern names, or lies below it: `blocks.*.attention` names
 * `blocks.3.attention.query.weight`. `*` stands for any one part.
 */
export function isBelow(pattern: string, path: string): boolean {
  const [wanted, found] = [pattern.split('.'), path.split('.')]
  return wanted.length <= found.length && wanted.every((part, i) => part === '*' || part === found[i])
}

/**
 * The paths that a pattern names.
 *
 * @throws UsageError where there are none, or the pattern is none
 */
export function pathsBelow(
  operation: string,
  what: string,
  pattern: unknown,
  paths: readonly string[],
): string[] {
  if (typeof pattern !== 'string' || pattern.length > 1000)
    throw new UsageError({
      operation,
      expected: `a pattern of ${what}, such as 'blocks.*.attention.query'`,
      found: typeof pattern === 'string' ? 'a very long one' : typeof pattern,
      hint: 'write a path of the model, with * for any one part',
    })
  const found = paths.filter((path) => isBelow(pattern, path))
  if (found.length > 0) return found
  const near = nearestPaths(
    pattern,
    new Set(paths.map((path) => path.replace(/(?<=^|\.)\d+(?=\.|$)/g, '*'))),
    3,
  )
  throw new UsageError({
    operation,
    expected: `${what} of the model at '${pattern}'`,
    found: 'none',
    hint: near.length === 0 ? 'the model has none at all' : `there are ${near.join(', ')}`,
  })
}
