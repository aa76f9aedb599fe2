import { complement } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'
import { readBracket } from './bracket.js'
import { foldClass } from './case-folding.js'
import { checkPoint, readCharacterEscape, readClassEscape, namedSet } from './character-escape.js'
import type { ClassOptions } from './character-escape.js'
import { isDigit, PatternSource } from './pattern-source.js'
import { property } from './properties.js'
import { everything, includes, newline, rangesFrom } from './ranges.js'
import { emptyNode, lineEndNode, segmentNode } from './syntax-tree.js'
import type { PatternNode, Place } from './syntax-tree.js'

/** Groups, and repeats of repeats, inside of each other. */
const deepest = 100
/** The highest number in `{m,n}` that Oniguruma takes. */
const mostRepeats = 100_000

interface Options extends ClassOptions {
  readonly ignoreCase: boolean
  /** The dot takes a newline too. */
  readonly dotAll: boolean
  /** White space and comments in the pattern count for nothing. */
  readonly extended: boolean
}

const noOptions: Options = {
  ignoreCase: false,
  dotAll: false,
  extended: false,
  asciiWord: false,
  asciiDigit: false,
  asciiSpace: false,
  asciiPosix: false,
}

const optionOfLetter = new Map<string, keyof Options>([
  ['i', 'ignoreCase'],
  ['m', 'dotAll'],
  ['x', 'extended'],
  ['W', 'asciiWord'],
  ['D', 'asciiDigit'],
  ['S', 'asciiSpace'],
  ['P', 'asciiPosix'],
])

const notNewline: Ranges = complement(newline)

export interface ParsedPattern {
  readonly node: PatternNode
  /** How many groups there are, numbered from 1. */
  readonly groups: number
  /** Those with names. If there are any, those without keep nothing. */
  readonly named: ReadonlySet<number>
}

/**
 * Reads a regular expression of Oniguruma's own syntax.
 * Source: the document RE of Oniguruma 6.9.
 */
export function parsePattern(text: string): ParsedPattern {
  return new Parser(new PatternSource(text)).parse()
}

class Parser {
  readonly #source: PatternSource
  readonly #names = new Map<string, number[]>()
  /** Of groups without a name; they only count where no group has a name. */
  readonly #references: { readonly groups: readonly number[]; readonly byNumber: boolean }[] = []
  #groups = 0
  #depth = 0

  constructor(source: PatternSource) {
    this.#source = source
  }

  parse(): ParsedPattern {
    const source = this.#source
    const node = this.#alternatives(noOptions)
    if (!source.atEnd) source.refuse('a closing bracket that was opened')
    for (const { groups, byNumber } of this.#references) {
      if (byNumber && this.#names.size > 0) source.refuse('references by name where groups have names')
      if (groups.some((group) => group > this.#groups)) source.refuse('a reference to a group that there is')
    }
    return { node, groups: this.#groups, named: new Set([...this.#names.values()].flat()) }
  }

  #alternatives(options: Options): PatternNode {
    if (++this.#depth > deepest) this.#source.refuse(`groups up to ${deepest} deep`)
    const items = [this.#branch(options)]
    while (this.#source.take('|')) items.push(this.#branch(options))
    this.#depth--
    return items.length === 1 ? items[0]! : { kind: 'choice', items }
  }

  #branch(options: Options): PatternNode {
    const items: PatternNode[] = []
    while (true) {
      this.#skip(options)
      if (this.#source.atEnd || this.#source.sees('|') || this.#source.sees(')')) return sequenceOf(items)
      for (const item of this.#atoms(options)) items.push(item)
      const last = items.pop()
      if (last !== undefined) items.push(this.#repeats(last, options))
    }
  }

  /** Passes comments, and white space where it counts for nothing. */
  #skip(options: Options): void {
    const source = this.#source
    while (true) {
      if (source.take('(?#')) {
        while (!source.take(')')) {
          if (source.take('\\') && source.atEnd) source.refuse(') after a comment')
          source.next()
        }
      } else if (options.extended && source.take('#')) source.run((point) => point !== 10)
      else if (options.extended && /^[ \t\n\r\f]/.test(String.fromCodePoint(Math.max(0, source.peek()))))
        source.at++
      else return
    }
  }

  #repeats(atom: PatternNode, options: Options): PatternNode {
    const source = this.#source
    let item = atom
    for (let depth = this.#depth; ; depth++) {
      this.#skip(options)
      const quantifier = this.#quantifier()
      if (quantifier === undefined) return item
      if (depth > deepest) source.refuse(`repeats up to ${deepest} deep`)
      if (isPlace(item)) source.refuse('something that takes characters before a repeat')
      const { minimum, maximum, greedy, possessive } = quantifier
      if (minimum !== 1 || maximum !== 1) item = { kind: 'repeat', item, minimum, maximum, greedy }
      if (possessive) item = { kind: 'atomic', item }
    }
  }

  #quantifier(): { minimum: number; maximum: number; greedy: boolean; possessive: boolean } | undefined {
    const source = this.#source
    let minimum = 0
    let maximum = Infinity
    if (source.take('{')) {
      const braces = this.#braces()
      if (braces === undefined) {
        source.at--
        return undefined
      }
      ;[minimum, maximum] = braces
      // {3,1} is possessive; {3}? is optional, not lazy.
      if (minimum > maximum) return { minimum: maximum, maximum: minimum, greedy: true, possessive: true }
      const greedy = braces.length === 2 || !source.take('?')
      return { minimum, maximum, greedy, possessive: false }
    }
    if (source.take('?')) maximum = 1
    else if (source.take('+')) minimum = 1
    else if (!source.take('*')) return undefined
    const greedy = !source.take('?')
    return { minimum, maximum, greedy, possessive: greedy && source.take('+') }
  }

  /** The numbers of `{m,n}` after its {, a third where it has a comma; undefined if it is plain text. */
  #braces(): [number, number] | [number, number, 'comma'] | undefined {
    const source = this.#source
    const start = source.at
    const number = (): number => {
      const digits = source.run(isDigit)
      if (Number(digits) > mostRepeats) source.refuse(`repeats up to ${mostRepeats}`, digits)
      return digits === '' ? -1 : Number(digits)
    }
    const minimum = number()
    const hasComma = source.take(',')
    const maximum = hasComma ? number() : minimum
    if ((minimum < 0 && maximum < 0) || !source.take('}')) {
      source.at = start
      return undefined
    }
    const bounds = [Math.max(0, minimum), maximum < 0 ? Infinity : maximum] as const
    return hasComma ? [...bounds, 'comma'] : [...bounds]
  }

  /** One item of a branch, or the characters of one escape. */
  #atoms(options: Options): readonly PatternNode[] {
    const source = this.#source
    const point = source.next()
    switch (String.fromCodePoint(point)) {
      case '(':
        return [this.#group(options)]
      case '[': {
        const { set, negated } = readBracket(source, options)
        return [options.ignoreCase ? foldClass(set, negated) : classNode(negated ? complement(set) : set)]
      }
      case '.':
        return [classNode(options.dotAll ? everything : notNewline)]
      case '^':
        return [placeNode('line start')]
      case '$':
        return [placeNode('line end')]
      case '\\':
        return this.#escape(options)
      case '*':
      case '+':
      case '?':
        return source.refuse('something before a repeat')
      case '{':
        if (this.#braces() !== undefined) source.refuse('something before a repeat')
        break
    }
    return [charactersNode([point], options)]
  }

  #group(options: Options): PatternNode {
    const source = this.#source
    if (source.sees('*')) source.refuse('no callout', undefined, 'heed does not run callouts')
    if (!source.take('?')) {
      const number = ++this.#groups
      return { kind: 'group', number, item: this.#closed(options) }
    }
    if (source.take(':')) return this.#closed(options)
    if (source.take('=')) return this.#look(options, false, false)
    if (source.take('!')) return this.#look(options, false, true)
    if (source.take('<=')) return this.#look(options, true, false)
    if (source.take('<!')) return this.#look(options, true, true)
    if (source.take('>')) return { kind: 'atomic', item: this.#closed(options) }
    for (const [start, what] of [
      ['~', 'absent operator'],
      ['(', 'condition'],
      ['{', 'callout'],
    ] as const)
      if (source.sees(start)) source.refuse(`no ${what}`, undefined, `heed does not take a ${what}`)
    if (source.sees('<') || source.sees("'")) {
      const name = this.#name()
      if (!/^[^\d+-]/.test(name)) source.refuse('the name of a group', name)
      const number = ++this.#groups
      this.#names.set(name, [...(this.#names.get(name) ?? []), number])
      return { kind: 'group', number, item: this.#closed(options) }
    }
    return this.#optionGroup(options)
  }

  #look(options: Options, behind: boolean, negated: boolean): PatternNode {
    return { kind: 'look', item: this.#closed(options), behind, negated }
  }

  #closed(options: Options): PatternNode {
    const item = this.#alternatives(options)
    if (!this.#source.take(')')) this.#source.refuse("')'")
    return item
  }

  #optionGroup(options: Options): PatternNode {
    const source = this.#source
    let changed = options
    let value = true
    for (; !source.sees(':') && !source.sees(')'); source.at++) {
      const letter = String.fromCodePoint(Math.max(0, source.peek()))
      if (letter === '-') value = false
      else {
        const option = optionOfLetter.get(letter)
        if (option === undefined)
          return source.refuse('(?:…), (?i:…), (?=…), (?<=…), (?>…) or (?<name>…)', letter)
        changed = { ...changed, [option]: value }
      }
    }
    // Number 0: a group that keeps nothing, but its characters stay apart from those around it.
    if (source.take(':')) return { kind: 'group', number: 0, item: this.#closed(changed) }
    source.at++
    // The option goes on to the end of the group around, alternatives included.
    return { kind: 'group', number: 0, item: this.#alternatives(changed) }
  }

  /** A name or number between < and > or two quotes. */
  #name(): string {
    const source = this.#source
    const close = source.next() === 0x3c ? 0x3e : 0x27
    const name = source.run((point) => point !== close && point !== 0x29)
    const word = namedSet('word', noOptions)
    if (source.next() !== close || !/^[+-]?./u.test(name)) source.refuse('a name or number of a group', name)
    for (const character of name.replace(/^[+-]/, ''))
      if (!includes(word, character.codePointAt(0)!)) source.refuse('a name or number of a group', name)
    return name
  }

  #escape(options: Options): readonly PatternNode[] {
    const source = this.#source
    const named = readClassEscape(source, options)
    if (named !== undefined) {
      const set = named.name === 'word' ? wordSet(options) : named.set
      return [classNode(named.negated ? complement(set) : set)]
    }
    switch (String.fromCodePoint(Math.max(0, source.peek()))) {
      case 'b':
      case 'B':
        return [
          {
            kind: 'place',
            place: 'word boundary',
            negated: source.next() === 0x42,
            set: wordSet(options),
          },
        ]
      case 'y':
      case 'Y':
        return [{ kind: 'place', place: 'segment boundary', negated: source.next() === 0x59 }]
      case 'A':
        return this.#place('text start')
      case 'Z':
        return this.#place('text end or last newline')
      case 'z':
        return this.#place('text end')
      case 'G':
        return this.#place('search start')
      case 'K':
        source.at++
        return [{ kind: 'keep' }]
      case 'R':
        source.at++
        return [lineEndNode]
      case 'N':
        source.at++
        return [classNode(notNewline)]
      case 'O':
        source.at++
        return [classNode(everything)]
      case 'X':
        source.at++
        return [segmentNode]
      case 'k':
        if (source.peek(1) !== 0x3c && source.peek(1) !== 0x27) break
        source.at++
        return [this.#namedReference(options)]
      case 'g':
        if (source.peek(1) === 0x3c || source.peek(1) === 0x27)
          source.refuse('no call of a group', undefined, 'heed does not call groups')
        break
    }
    if (isDigit(source.peek()) && source.peek() !== 0x30) {
      const start = source.at
      const group = Number(source.run(isDigit))
      if (group <= 9 || group <= this.#groups) return [this.#reference([group], true, options)]
      source.at = start
    }
    return readCharacterEscape(source, false).map((point) =>
      charactersNode([checkPoint(source, point)], options),
    )
  }

  #place(place: Place): readonly PatternNode[] {
    this.#source.at++
    return [placeNode(place)]
  }

  #namedReference(options: Options): PatternNode {
    const name = this.#name()
    const named = this.#names.get(name)
    if (named !== undefined) return this.#reference(named, false, options)
    const number = /^[+-]?\d{1,6}$/.test(name) ? Number(name) : 0
    const group = name.startsWith('+')
      ? this.#groups + number
      : number < 0
        ? this.#groups + 1 + number
        : number
    if (group < 1) this.#source.refuse('a reference to a group that there is', name)
    return this.#reference([group], true, options)
  }

  #reference(groups: readonly number[], byNumber: boolean, { ignoreCase }: Options): PatternNode {
    this.#references.push({ groups, byNumber })
    return { kind: 'reference', groups, ignoreCase }
  }
}

/** What a word's characters are outside of brackets: there some numbers of Latin-1 are among them. */
function wordSet(options: Options): Ranges {
  return options.asciiWord || options.asciiPosix ? namedSet('word', options) : property('word')
}

function classNode(set: Ranges): PatternNode {
  return { kind: 'class', set }
}

function placeNode(place: Place, negated: boolean = false): PatternNode {
  return { kind: 'place', place, negated }
}

function charactersNode(points: readonly number[], { ignoreCase }: Options): PatternNode {
  return ignoreCase ? { kind: 'text', points } : classNode(rangesFrom(points[0]!, points[0]!))
}

/** Joins what stands in a row: sequences in sequences, and characters whose case doesn't matter. */
function sequenceOf(nodes: readonly PatternNode[]): PatternNode {
  const items: PatternNode[] = []
  let points: number[] = []
  for (const node of nodes)
    for (const item of node.kind === 'sequence' ? node.items : [node]) {
      if (item.kind !== 'text') {
        points = []
        items.push(item)
        continue
      }
      if (points.length === 0) items.push({ kind: 'text', points })
      for (const point of item.points) points.push(point)
    }
  if (items.length !== 1) return items.length === 0 ? emptyNode : { kind: 'sequence', items }
  // A place with something beside it, be it nothing, may be repeated.
  return nodes.length > 1 && isPlace(items[0]!) ? { kind: 'group', number: 0, item: items[0]! } : items[0]!
}

function isPlace(node: PatternNode): boolean {
  return node.kind === 'choice'
    ? node.items.some(isPlace)
    : node.kind === 'place' || node.kind === 'look' || node.kind === 'keep'
}
