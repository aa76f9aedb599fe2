/**
 * Trees: plain records and arrays, nested, whose leaves a predicate recognises (for a model, its tensors).
 * A leaf's path is its names and indices joined by dots: `blocks.3.attention.query`.
 *
 * Order is that of the records' keys and of the arrays, the same in every function here. What is neither
 * leaf nor branch (undefined, null, numbers, strings, functions) is left as it is and has no path.
 */
import { FormatError, UsageError } from './errors.js'

/** Leaves of type T in records and arrays, nested. */
export type Tree<T> = T | readonly Tree<T>[] | { readonly [name: string]: Tree<T> }

/** Recognises a leaf of a tree: `isTensor`, for models. */
export type IsLeaf<T> = (value: unknown) => value is T

/** A tree nested more deeply than this contains itself, or comes from a hostile file. */
const maximumDepth = 64

/**
 * A tree of the same form, with `change(leaf, path)` in place of each leaf.
 *
 * @throws UsageError where the tree holds an object that is neither leaf, record nor array, or contains
 * itself
 */
export function mapTree<M, T>(tree: M, isLeaf: IsLeaf<T>, change: (leaf: T, path: string) => T): M {
  return walk([tree], isLeaf, ([leaf], path) => change(leaf!, path), '', 0) as M
}

/**
 * Two trees of one form into a third, with `join(leaf, other, path)` in place of each pair of leaves. The
 * order is the first tree's; the other's records may have theirs.
 *
 * @throws UsageError where the two differ in form
 */
export function zipTrees<M, T>(
  tree: M,
  other: M,
  isLeaf: IsLeaf<T>,
  join: (leaf: T, other: T, path: string) => T,
): M {
  return walk([tree, other], isLeaf, ([leaf, second], path) => join(leaf!, second!, path), '', 0) as M
}

/** The leaves of a tree by their paths (`blocks.0.norm.weight`), in the tree's order. */
export function leavesOf<T>(tree: unknown, isLeaf: IsLeaf<T>): Map<string, T> {
  const leaves = new Map<string, T>()
  walk(
    [tree],
    isLeaf,
    ([leaf], path) => {
      leaves.set(path, leaf!)
      return leaf!
    },
    '',
    0,
  )
  return leaves
}

/**
 * The tree that these paths describe: the reverse of leavesOf. Names that count 0, 1, 2, … without a gap
 * become an array, any others a record. The path '' alone is a tree that is one leaf.
 *
 * @throws FormatError for a path with an empty name, with `__proto__`, or deeper than 64; or for a path that
 *   is both a leaf and a branch
 */
export function fromPaths<T>(leaves: ReadonlyMap<string, T>): Tree<T> {
  if (leaves.size === 1 && leaves.has('')) return leaves.get('') as T
  const root: Branch<T> = new Map()
  for (const [path, leaf] of leaves) {
    const names = path.split('.', maximumDepth + 1)
    if (names.length > maximumDepth || names.includes('') || names.includes('__proto__')) {
      throw pathError(`at most ${maximumDepth} names joined by dots`, path)
    }
    const last = names.pop()!
    let branch = root
    for (const name of names) {
      let next = branch.get(name)
      if (next === undefined) branch.set(name, (next = { branch: new Map() }))
      if (!('branch' in next)) throw pathError(`'${name}' to be either a leaf or a branch`, path)
      branch = next.branch
    }
    if (branch.has(last)) throw pathError(`'${last}' to be either a leaf or a branch`, path)
    branch.set(last, { leaf })
  }
  return build(root)
}

type Branch<T> = Map<string, { readonly leaf: T } | { readonly branch: Branch<T> }>

function build<T>(branch: Branch<T>): Tree<T> {
  const entries = [...branch].map(
    ([name, node]) => [name, 'leaf' in node ? node.leaf : build(node.branch)] as const,
  )
  const counted =
    entries.length > 0 &&
    entries.every(([name]) => /^(0|[1-9]\d*)$/.test(name) && Number(name) < entries.length)
  if (!counted) return Object.fromEntries(entries)
  const list: Tree<T>[] = new Array(entries.length)
  for (const [name, node] of entries) list[Number(name)] = node
  return list
}

function pathError(expected: string, path: string): FormatError {
  const shown = path.length > 100 ? `${path.slice(0, 100)}…` : path
  return new FormatError({ operation: 'fromPaths', expected, found: `'${shown}'`, hint: 'rename that leaf' })
}

/** Maps trees of one form side by side; the first one leads. */
function walk<T>(
  nodes: readonly unknown[],
  isLeaf: IsLeaf<T>,
  change: (leaves: T[], path: string) => T,
  path: string,
  depth: number,
): unknown {
  const kind = kindOf(nodes[0], isLeaf)
  for (const node of nodes) {
    const found = kindOf(node, isLeaf)
    if (found !== kind) throw treeError(path, `a ${kind}`, `a ${found}`, 'give trees of the same form')
  }
  if (kind === 'leaf') return change(nodes as T[], path)
  if (kind === 'value') return nodes[0]
  if (kind === 'object') {
    throw treeError(
      path,
      'a leaf, a record or an array',
      'an object of another class',
      'leave it out of the tree',
    )
  }
  if (depth >= maximumDepth) {
    throw treeError(path, `at most ${maximumDepth} levels`, 'more', 'check whether the tree contains itself')
  }
  const branches = nodes as Readonly<Record<string, unknown>>[]
  const names = Object.keys(branches[0]!)
  const result: Record<string, unknown> | unknown[] = kind === 'array' ? [] : {}
  for (const branch of branches) {
    if (Object.keys(branch).length !== names.length) {
      throw treeError(
        path,
        `the names ${names.join(', ')}`,
        Object.keys(branch).join(', '),
        'give trees of the same form',
      )
    }
  }
  for (const name of names) {
    const below = path === '' ? name : `${path}.${name}`
    if (name === '' || name.includes('.') || name === '__proto__') {
      throw treeError(below, 'names without dots', `'${name}'`, 'rename it')
    }
    const children = branches.map((branch) => {
      if (!Object.hasOwn(branch, name))
        throw treeError(below, `'${name}' in every tree`, 'none', 'give trees of the same form')
      return branch[name]
    })
    ;(result as Record<string, unknown>)[name] = walk(children, isLeaf, change, below, depth + 1)
  }
  return result
}

function kindOf(
  value: unknown,
  isLeaf: (value: unknown) => boolean,
): 'leaf' | 'array' | 'record' | 'object' | 'value' {
  if (isLeaf(value)) return 'leaf'
  if (typeof value !== 'object' || value === null) return 'value'
  if (Array.isArray(value)) return 'array'
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null ? 'record' : 'object'
}

function treeError(path: string, expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: `tree at '${path}'`, expected, found, hint })
}
