import { complement } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'
import { everything, newline, rangesFrom } from './ranges.js'

/** Places that a pattern asks about without taking a character. */
export type Place =
  | 'text start'
  | 'text end'
  | 'text end or last newline'
  | 'line start'
  | 'line end'
  | 'search start'
  | 'word boundary'
  | 'segment boundary'

/** What a pattern consists of. */
export type PatternNode =
  /** One character of a set. */
  | { readonly kind: 'class'; readonly set: Ranges }
  /** Characters in a row, whose case doesn't matter: taken apart by `foldText`. */
  | { readonly kind: 'text'; readonly points: readonly number[] }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  /** The first of the items that lets the rest match. */
  | { readonly kind: 'choice'; readonly items: readonly PatternNode[] }
  | {
      readonly kind: 'repeat'
      readonly item: PatternNode
      readonly minimum: number
      /** Infinity: without end. */
      readonly maximum: number
      readonly greedy: boolean
    }
  /** Once matched, the item isn't tried otherwise. */
  | { readonly kind: 'atomic'; readonly item: PatternNode }
  | {
      readonly kind: 'look'
      readonly item: PatternNode
      readonly behind: boolean
      readonly negated: boolean
    }
  | {
      readonly kind: 'place'
      readonly place: Place
      readonly negated: boolean
      /** Of a word boundary: what a word's characters are. */
      readonly set?: Ranges
    }
  /** A question to the character ahead, or behind: is it of the set? `orNone`: or is there none? */
  | {
      readonly kind: 'edge'
      readonly ahead: boolean
      readonly set: Ranges
      readonly orNone: boolean
    }
  | { readonly kind: 'group'; readonly number: number; readonly item: PatternNode }
  /** What a group matched last; of several groups the last that matched. */
  | { readonly kind: 'reference'; readonly groups: readonly number[]; readonly ignoreCase: boolean }
  /** The match begins here, whatever came before. */
  | { readonly kind: 'keep' }

export const emptyNode: PatternNode = { kind: 'sequence', items: [] }

const classNode = (...ranges: number[]): PatternNode => ({ kind: 'class', set: rangesFrom(...ranges) })

const returnNewline: PatternNode = { kind: 'sequence', items: [classNode(13, 13), classNode(10, 10)] }

/** `\R`: an end of a line. `\r\n` is one, and isn't taken apart again. */
export const lineEndNode: PatternNode & { kind: 'atomic' } = {
  kind: 'atomic',
  item: { kind: 'choice', items: [returnNewline, classNode(10, 13, 0x85, 0x85, 0x2028, 0x2029)] },
}

/** The same where it may look ahead. */
export const plainLineEndNode: PatternNode = {
  kind: 'choice',
  items: [
    returnNewline,
    {
      kind: 'sequence',
      items: [classNode(13, 13), { kind: 'edge', ahead: true, set: complement(newline), orNone: true }],
    },
    classNode(10, 12, 0x85, 0x85, 0x2028, 0x2029),
  ],
}

const insideSegment: PatternNode = {
  kind: 'repeat',
  item: {
    kind: 'sequence',
    items: [
      { kind: 'place', place: 'segment boundary', negated: true },
      { kind: 'class', set: everything },
    ],
  },
  minimum: 0,
  maximum: Infinity,
  greedy: true,
}

/** `\X`: a grapheme cluster, or what is left of one. */
export const segmentNode: PatternNode & { kind: 'atomic' } = {
  kind: 'atomic',
  item: { kind: 'sequence', items: [{ kind: 'class', set: everything }, insideSegment] },
}

/** The same where it may look ahead. */
export const plainSegmentNode: PatternNode = {
  kind: 'sequence',
  items: [segmentNode.item, { kind: 'place', place: 'segment boundary', negated: false }],
}
