import type { TokenList } from '../steps/token-list.js'
import type { Trim } from './token-edges.js'

/** A text as tokens, before anything is added. */
export interface TextTokens {
  readonly list: TokenList
  /**
   * What the places of `list` refer to: the original text, or the words that it was given as, of which
   * `list.words` says a token's own.
   */
  readonly text: string | readonly string[]
}

/** Tokens side by side that have one origin. */
export interface Run {
  readonly length: number
  readonly type: number
  /** Added by a post-processor or by padding. */
  readonly isSpecial: boolean
  readonly isPadding: boolean
  /** Added tokens: their ids and spelling, over and over until `length` is reached. */
  readonly added: AddedRun | null
  /** Tokens of a text: those of `list` from `from` on. */
  readonly text: TextTokens | null
  readonly from: number
  readonly trims: readonly Trim[]
}

interface AddedRun {
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
}

/** Windows that truncation left out; made when somebody asks. */
export interface Overflow {
  readonly count: number
  readonly make: () => readonly Part[]
}

/**
 * Runs of tokens that are on the way to an encoding.
 *
 * `sequences` says which tokens [start, end) are of which text. Where it is empty, all are of the first.
 */
export interface Part {
  readonly runs: readonly Run[]
  readonly length: number
  readonly sequences: Sequences
  readonly overflow: Overflow | null
}

export type Sequences = ReadonlyMap<number, readonly [start: number, end: number]>

const nowhere: Sequences = new Map()
const noTrims: readonly Trim[] = []

/** Tokens [from, to) of a text, `sequence` of the texts. */
export function textPart(
  text: TextTokens,
  sequence: number,
  from: number,
  to: number,
  overflow: Overflow | null,
): Part {
  const length = to - from
  const run = {
    length,
    type: sequence,
    isSpecial: false,
    isPadding: false,
    added: null,
    text,
    from,
    trims: noTrims,
  }
  return { runs: [run], length, sequences: nowhere, overflow }
}

/** Tokens that a post-processor adds. */
export function addedPart(ids: readonly number[], tokens: readonly string[], type: number): Part {
  const length = ids.length
  return { runs: [addedRun(ids, tokens, type, length, false)], length, sequences: nowhere, overflow: null }
}

export function addedRun(
  ids: readonly number[],
  tokens: readonly string[],
  type: number,
  length: number,
  isPadding: boolean,
): Run {
  const added = { ids, tokens }
  return { length, type, isSpecial: true, isPadding, added, text: null, from: 0, trims: noTrims }
}

/** The part, and each of its windows, changed by `change`. */
export function changed(part: Part, change: (part: Part) => Part): Part {
  const { overflow } = part
  const main = change({ ...part, overflow: null })
  if (overflow === null) return main
  const make = (): readonly Part[] => overflow.make().map(change)
  return { ...main, overflow: { count: overflow.count, make } }
}

/** A part whose tokens are all of one text, besides what was known of other texts. */
export function ofSequence(part: Part, sequence: number): Part {
  return { ...part, sequences: new Map(part.sequences).set(sequence, [0, part.length]) }
}

export function ofType(part: Part, type: number): Part {
  return { ...part, runs: part.runs.map((run) => ({ ...run, type })) }
}

/**
 * Parts one behind the other. The windows of the whole are those of each part with the main tokens and the
 * windows of the others.
 */
export function joined(parts: readonly Part[]): Part {
  if (parts.length === 1) return parts[0]!
  let whole: Part = { runs: [], length: 0, sequences: nowhere, overflow: null }
  for (const part of parts) whole = joinTwo(whole, part)
  return whole
}

function joinTwo(left: Part, right: Part): Part {
  const sequences = new Map(left.sequences)
  for (const [sequence, [start, end]] of right.sequences)
    sequences.set(sequence, [left.length + start, left.length + end])
  return {
    runs: [...left.runs, ...right.runs],
    length: left.length + right.length,
    sequences,
    overflow: joinOverflow(left, right),
  }
}

function joinOverflow(left: Part, right: Part): Overflow | null {
  const before = left.overflow
  const after = right.overflow
  if (before === null && after === null) return null
  const others = after?.count ?? 0
  return {
    count: (before?.count ?? 0) * (1 + others) + others,
    make: () => {
      const leftMain = { ...left, overflow: null }
      const rightMain = { ...right, overflow: null }
      const rightWindows = after?.make() ?? []
      const windows: Part[] = []
      for (const window of before?.make() ?? []) {
        windows.push(joinTwo(window, rightMain))
        for (const other of rightWindows) windows.push(joinTwo(window, other))
      }
      for (const other of rightWindows) windows.push(joinTwo(leftMain, other))
      return windows
    },
  }
}
