import { isAbandonedPromise, StateError, checkFunction } from '../base/index.js'

/** What is done with something that no scope is left to free. */
let outlive: (freed: Freed) => void = () => {}

/** Says what is to be done with that: it is watched for garbage. */
export function whenOutliving(work: (freed: Freed) => void): void {
  outlive = work
}

/** Anything that a scope frees. */
export interface Freed {
  readonly freed: boolean
  dispose(): void
}

interface Scope {
  readonly made: Set<Freed>
}

let current: Scope | undefined
let deferring = false

/**
 * While `deferred`, inner scopes hand what they made to the scope around them: a gradient may still need it.
 * Gives the setting before.
 */
export function deferFreeing(deferred: boolean): boolean {
  const before = deferring
  deferring = deferred
  return before
}

/** In the place of what is kept. */
const nothing: Freed = { freed: true, dispose() {} }

/** What operations that are under way have made, in this order: the first `made` of these. */
const making: (Freed | undefined)[] = []
let made = 0
let underWay = 0

/**
 * Runs the body of an operation: where it throws, everything that was made in it is freed, in a scope and
 * outside of any. So a refused call leaves nothing behind.
 */
export function allOrNothing<T>(body: () => T): T {
  const start = made
  underWay++
  try {
    const result = body()
    // What is made in an inner operation is part of the outer one.
    if (--underWay === 0) forget(start)
    return result
  } catch (error) {
    for (const tensor of making.slice(start, made)) tensor?.dispose()
    forget(start)
    underWay--
    throw error
  }
}

/** The room stays: to shorten the list would be to allocate it anew for each operation. */
function forget(start: number): void {
  while (made > start) making[--made] = undefined
}

/** Within an operation: runs a function that was given to it, whose tensors are its own affair. */
export function asCaller<T>(work: () => T): T {
  const outer = underWay
  underWay = 0
  try {
    return work()
  } finally {
    underWay = outer
  }
}

/** Called by each new tensor: it belongs to the innermost scope, or to none. */
export function register(tensor: Freed): void {
  if (underWay > 0) making[made++] = tensor
  if (current === undefined) outlive(tensor)
  else current.made.add(tensor)
}

/**
 * Runs `work` and frees every tensor made in it, but for those in its result (anywhere in a tree of arrays
 * and records) and those given to `keep`. Scopes nest: what a scope returns belongs to the scope around it.
 *
 * @throws StateError if `work` is asynchronous: the scope ends when it returns
 */
export function scope<T>(work: () => T): T {
  checkFunction('scope', 'what runs in it', work)
  const outer = current
  const inner: Scope = { made: new Set() }
  current = inner
  let result: T | undefined
  try {
    result = work()
    if (isAbandonedPromise(result)) {
      throw new StateError({
        operation: 'scope',
        expected: 'synchronous work',
        found: 'a promise, whose tensors would be freed before it is done',
        hint: 'put a scope around each synchronous part, or dispose() what the asynchronous work made',
      })
    }
    return result
  } finally {
    current = outer
    const kept = isFreed(result) ? undefined : new Set<unknown>()
    if (kept !== undefined) collect(result, kept)
    for (const tensor of inner.made) {
      const stays = tensor === result || kept?.has(tensor) || (deferring && outer !== undefined)
      if (!stays) tensor.dispose()
      else if (tensor.freed) continue
      else if (outer === undefined) outlive(tensor)
      else outer.made.add(tensor)
    }
  }
}

/**
 * Takes a tensor (or each tensor of a tree) out of the scope it was made in: it lives until it is disposed or
 * is garbage.
 */
export function keep<T>(tree: T): T {
  const found = new Set<unknown>()
  collect(tree, found)
  for (const tensor of found as Set<Freed>) {
    const at = making.indexOf(tensor)
    if (at >= 0) making[at] = nothing
    if (current?.made.delete(tensor)) outlive(tensor)
  }
  return tree
}

/** Frees a tensor that the innermost scope made; leaves any other alone. */
export function disposeOwned(tensor: Pick<Freed, 'dispose'>): void {
  if (current?.made.delete(tensor as Freed)) tensor.dispose()
}

/** Frees a tensor, or each tensor of a tree. */
export function dispose(tree: unknown): void {
  const found = new Set<unknown>()
  collect(tree, found)
  for (const tensor of found) (tensor as Freed).dispose()
}

function isFreed(value: unknown): value is Freed {
  return typeof value === 'object' && value !== null && 'dispose' in value && 'freed' in value
}

function collect(value: unknown, into: Set<unknown>, seen: Set<unknown> = new Set()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (isFreed(value)) {
    into.add(value)
    return
  }
  if (value instanceof Map || Array.isArray(value) || value instanceof Set) {
    for (const inner of value.values()) collect(inner, into, seen)
    return
  }
  if (ArrayBuffer.isView(value)) return
  for (const inner of Object.values(value)) collect(inner, into, seen)
}
