import { complement, intersection, rangesOf, union } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'
import { checkPoint, readCharacterEscape, readClassEscape, readPosixBracket } from './character-escape.js'
import type { ClassOptions } from './character-escape.js'
import type { PatternSource } from './pattern-source.js'
import { lastPoint, nothing } from './ranges.js'

/** A class in brackets: a set, or all but a set. */
export interface Bracket {
  readonly set: Ranges
  readonly negated: boolean
}

const deepestBracket = 32

type Token =
  | { readonly kind: 'point'; readonly point: number }
  | { readonly kind: 'set'; readonly set: Ranges }
  | { readonly kind: '[' | ']' | '-' | '&&' }

/** Reads a class after its `[`, up to its `]`. */
export function readBracket(source: PatternSource, options: ClassOptions, depth: number = 0): Bracket {
  if (depth > deepestBracket) source.refuse(`classes up to ${deepestBracket} deep`)
  const negated = source.take('^')
  const pending: Token[] = []
  if (source.sees(']')) {
    source.at++
    if (!source.has(']')) source.refuse('a class with a character in it')
    pending.push({ kind: 'point', point: 0x5d })
  }
  let all: Ranges | undefined
  let sets: Ranges = nothing
  let pairs: number[] = []
  /** What may become the beginning of a range. */
  let value: number | 'set' | undefined
  const flush = (): Ranges => {
    if (typeof value === 'number') pairs.push(value, value)
    value = undefined
    const set = union(sets, rangesOf(pairs))
    sets = nothing
    pairs = []
    return set
  }
  const add = (point: number): void => {
    if (typeof value === 'number') pairs.push(value, value)
    value = checkPoint(source, point)
  }
  const next = (): Token => pending.shift() ?? readToken(source, options, pending)
  for (let token = next(); token.kind !== ']';) {
    let following: Token | undefined
    switch (token.kind) {
      case 'point':
        add(token.point)
        break
      case 'set':
        if (typeof value === 'number') pairs.push(value, value)
        sets = union(sets, token.set)
        value = 'set'
        break
      case '[': {
        const inner = readBracket(source, options, depth + 1)
        if (typeof value === 'number') pairs.push(value, value)
        value = undefined
        sets = union(sets, inner.negated ? complement(inner.set) : inner.set)
        break
      }
      case '&&': {
        const part = flush()
        all = all === undefined ? part : intersection(all, part)
        break
      }
      case '-': {
        following = next()
        const isLiteral = following.kind === ']' || following.kind === '&&'
        if (value === undefined || isLiteral) {
          add(0x2d)
          break
        }
        if (value === 'set' || following.kind === 'set') source.refuse('a range between two characters')
        if (following.kind === '[') {
          // What would begin the range is lost, as is the hyphen.
          value = undefined
          break
        }
        if (pending[0]?.kind === '-') source.refuse('the end of a range, not another range')
        const last = following.kind === 'point' ? following.point : 0x2d
        if (last < (value as number)) source.refuse('a range that ascends')
        pairs.push(value as number, Math.min(last, lastPoint))
        value = undefined
        following = undefined
        break
      }
    }
    token = following ?? next()
  }
  const part = flush()
  return { set: all === undefined ? part : intersection(all, part), negated }
}

function readToken(source: PatternSource, options: ClassOptions, pending: Token[]): Token {
  if (source.atEnd) source.refuse("']'", 'the end')
  const point = source.next()
  switch (point) {
    case 0x5d:
      return { kind: ']' }
    case 0x2d:
      return { kind: '-' }
    case 0x26:
      return source.take('&') ? { kind: '&&' } : { kind: 'point', point }
    case 0x5b: {
      if (source.take(':')) {
        const posix = readPosixBracket(source, options)
        if (posix !== undefined)
          return { kind: 'set', set: posix.negated ? complement(posix.set) : posix.set }
        source.at--
      }
      return { kind: '[' }
    }
    case 0x5c: {
      const named = readClassEscape(source, options)
      if (named !== undefined) return { kind: 'set', set: named.negated ? complement(named.set) : named.set }
      const [first, ...rest] = readCharacterEscape(source, true)
      for (const one of rest) pending.push(one < 0 ? { kind: '-' } : { kind: 'point', point: one })
      return { kind: 'point', point: first! }
    }
  }
  return { kind: 'point', point }
}
