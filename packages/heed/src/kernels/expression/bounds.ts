import type { Bool, Builder, Int } from '../language/index.js'
import type { Expression } from './expression.js'
import { nodesOf } from './graph.js'

/**
 * Least and greatest value over a tile; `undefined`: not known. One term in both places: the same all over
 * the tile.
 */
export interface Interval {
  readonly low: Int | undefined
  readonly high: Int | undefined
}

/** Whether a condition can be true somewhere in a tile, and whether it is true everywhere. */
export interface Truth {
  readonly possible: Bool
  readonly certain: Bool
}

/** What the leaves of a mask span over the tile. */
export interface Intervals {
  readonly index: (axis: string) => Interval
  readonly parameter?: (slot: number) => Int | undefined
  /** The element of a captured integer tensor at indices that are the same all over the tile. */
  readonly capture?: (node: Expression, indices: readonly Int[]) => Int | undefined
}

const unknown: Interval = { low: undefined, high: undefined }

/**
 * Interval arithmetic over a mask, written as scalar terms: what a tile of positions needs to be skipped or
 * to be taken without masking. It errs on the safe side: `possible` may be true and `certain` false where it
 * is not so.
 */
export function bounds(k: Builder, root: Expression<'boolean'>, intervals: Intervals): Truth {
  const ranges = new Map<Expression, Interval>()
  const truths = new Map<Expression, Truth>()
  const logic = new Logic(k)
  for (const node of nodesOf([root])) {
    if (node.kind === 'integer') ranges.set(node, range(node, ranges, truths, intervals, logic))
    else if (node.kind === 'boolean') truths.set(node, truth(node, ranges, truths, logic))
  }
  return truths.get(root)!
}

function range(
  node: Expression,
  ranges: ReadonlyMap<Expression, Interval>,
  truths: ReadonlyMap<Expression, Truth>,
  intervals: Intervals,
  logic: Logic,
): Interval {
  const { k } = logic
  const of = (i: number): Interval => ranges.get(node.operands[i]!) ?? unknown
  switch (node.operation) {
    case 'constant':
      return point(k.int(node.value as number))
    case 'index':
      return intervals.index(node.value as string)
    case 'parameter':
      return point(intervals.parameter?.(node.value as number))
    case 'capture': {
      const indices = node.operands.map((_, i) => pointOf(of(i)))
      return indices.every((i) => i !== undefined)
        ? point(intervals.capture?.(node, indices as Int[]))
        : unknown
    }
    case 'add':
      return map2(of(0), of(1), (a, b) => a.add(b))
    case 'sub':
      return map2(of(0), flip(of(1)), (a, b) => a.sub(b))
    case 'neg':
      return map(flip(of(0)), (a) => a.neg())
    case 'min':
      return least(of(0), of(1))
    case 'max':
      return greatest(of(0), of(1))
    case 'abs': {
      const a = of(0)
      if (a.low !== undefined && a.high !== undefined)
        return { low: a.low.max(a.high.neg()).max(0), high: a.high.max(a.low.neg()) }
      return { low: k.int(0), high: undefined }
    }
    case 'mul': {
      const [a, b] = [of(0), of(1)]
      const [x, y] = [pointOf(a), pointOf(b)]
      if (x !== undefined && y !== undefined) return point(x.mul(y))
      if ([a.low, a.high, b.low, b.high].some((x) => x === undefined)) return unknown
      const products = [
        a.low!.mul(b.low!),
        a.low!.mul(b.high!),
        a.high!.mul(b.low!),
        a.high!.mul(b.high!),
      ] as const
      return {
        low: products[0].min(products[1]).min(products[2].min(products[3])),
        high: products[0].max(products[1]).max(products[2].max(products[3])),
      }
    }
    case 'divideBy': {
      const divisor = node.value as number
      return map(of(0), (a) => {
        const quotient = a.div(divisor)
        return quotient.mul(divisor).gt(a).select(quotient.sub(1), quotient)
      })
    }
    case 'remainderBy':
      return { low: k.int(0), high: k.int((node.value as number) - 1) }
    case 'shl':
    case 'shr': {
      const count = pointOf(of(1))
      const shift = node.operation
      return count === undefined ? unknown : map(of(0), (a) => a[shift](count))
    }
    case 'select': {
      const [a, b] = [of(1), of(2)]
      const condition = truths.get(node.operands[0]!)!
      if (condition.certain.constant) return a
      return { low: both(a.low, b.low, (x, y) => x.min(y)), high: both(a.high, b.high, (x, y) => x.max(y)) }
    }
    default:
      return unknown
  }
}

function truth(
  node: Expression,
  ranges: ReadonlyMap<Expression, Interval>,
  truths: ReadonlyMap<Expression, Truth>,
  logic: Logic,
): Truth {
  const [x, y, z] = node.operands
  const [p, q, r] = [truths.get(x!), truths.get(y!), truths.get(z!)]
  const [a, b] = [ranges.get(x!) ?? unknown, ranges.get(y!) ?? unknown]
  switch (node.operation) {
    case 'constant':
      return { possible: logic.k.bool(node.value !== 0), certain: logic.k.bool(node.value !== 0) }
    case 'and':
      return { possible: logic.and(p!.possible, q!.possible), certain: logic.and(p!.certain, q!.certain) }
    case 'or':
      return { possible: logic.or(p!.possible, q!.possible), certain: logic.or(p!.certain, q!.certain) }
    case 'not':
      return logic.negate(p!)
    case 'select': {
      const n = logic.negate(p!)
      return {
        possible: logic.or(logic.and(p!.possible, q!.possible), logic.and(n.possible, r!.possible)),
        certain: logic.or(
          logic.and(q!.certain, r!.certain),
          logic.or(logic.and(p!.certain, q!.certain), logic.and(n.certain, r!.certain)),
        ),
      }
    }
    case 'lt':
      return logic.less(a, b)
    case 'gt':
      return logic.less(b, a)
    case 'ge':
      return logic.negate(logic.less(a, b))
    case 'le':
      return logic.negate(logic.less(b, a))
    case 'eq':
      return logic.equal(a, b)
    case 'ne':
      return logic.negate(logic.equal(a, b))
    default:
      return logic.unknown()
  }
}

/** Conditions on scalars, with what is known while building done at once. */
class Logic {
  readonly k: Builder
  constructor(k: Builder) {
    this.k = k
  }

  and(a: Bool, b: Bool): Bool {
    if (a.constant !== undefined) return a.constant ? b : a
    if (b.constant !== undefined) return b.constant ? a : b
    return a.and(b)
  }
  or(a: Bool, b: Bool): Bool {
    if (a.constant !== undefined) return a.constant ? a : b
    if (b.constant !== undefined) return b.constant ? b : a
    return a.or(b)
  }
  not(a: Bool): Bool {
    return a.constant === undefined ? a.not() : this.k.bool(!a.constant)
  }
  negate(a: Truth): Truth {
    return { possible: this.not(a.certain), certain: this.not(a.possible) }
  }
  unknown(): Truth {
    return { possible: this.k.bool(true), certain: this.k.bool(false) }
  }

  less(a: Interval, b: Interval): Truth {
    return {
      possible: a.low !== undefined && b.high !== undefined ? a.low.lt(b.high) : this.k.bool(true),
      certain: a.high !== undefined && b.low !== undefined ? a.high.lt(b.low) : this.k.bool(false),
    }
  }
  equal(a: Interval, b: Interval): Truth {
    const below = this.less(a, b)
    const above = this.less(b, a)
    return {
      possible: this.not(this.or(below.certain, above.certain)),
      certain: this.not(this.or(below.possible, above.possible)),
    }
  }
}

function point(value: Int | undefined): Interval {
  return { low: value, high: value }
}
function pointOf(a: Interval): Int | undefined {
  return a.low === a.high ? a.low : undefined
}
function flip(a: Interval): Interval {
  return { low: a.high, high: a.low }
}

function both(a: Int | undefined, b: Int | undefined, f: (a: Int, b: Int) => Int): Int | undefined {
  return a === undefined || b === undefined ? undefined : f(a, b)
}
/** f that does not fall, applied to both ends; points stay points. */
function map(a: Interval, f: (a: Int) => Int): Interval {
  const low = a.low === undefined ? undefined : f(a.low)
  return { low, high: a.high === a.low ? low : a.high === undefined ? undefined : f(a.high) }
}
function map2(a: Interval, b: Interval, f: (a: Int, b: Int) => Int): Interval {
  const low = both(a.low, b.low, f)
  return { low, high: a.low === a.high && b.low === b.high ? low : both(a.high, b.high, f) }
}
function least(a: Interval, b: Interval): Interval {
  const [x, y] = [pointOf(a), pointOf(b)]
  if (x !== undefined && y !== undefined) return point(x.min(y))
  return {
    low: both(a.low, b.low, (x, y) => x.min(y)),
    high: a.high === undefined ? b.high : b.high === undefined ? a.high : a.high.min(b.high),
  }
}
function greatest(a: Interval, b: Interval): Interval {
  const [x, y] = [pointOf(a), pointOf(b)]
  if (x !== undefined && y !== undefined) return point(x.max(y))
  return {
    low: a.low === undefined ? b.low : b.low === undefined ? a.low : a.low.max(b.low),
    high: both(a.high, b.high, (x, y) => x.max(y)),
  }
}
