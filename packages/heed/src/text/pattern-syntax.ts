import { CharacterClass, whiteSpaceRange } from './character-class.js'
import { PatternError } from './pattern/index.js'

/** What a pattern consists of. `minimum` and `maximum` count repetitions. */
export type PatternNode =
  | {
      readonly kind: 'class'
      readonly characters: CharacterClass
      /** Of one character its UTF-16 code unit. */
      readonly unit?: number
    }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'look'; readonly item: PatternNode; readonly negated: boolean }
  | {
      readonly kind: 'repeat'
      readonly item: PatternNode
      readonly minimum: number
      readonly maximum: number
      readonly possessive: boolean
    }

export { PatternError }

const special = new Set('\\^$.|?*+()[]{}')
/** A group may be repeated this often at most; a single character without end. */
const longestGroupRepeat = 16
const deepestGroup = 50
const longestPattern = 2 ** 14
/** Each has a table of its own for the characters of a text. */
const mostClasses = 64

/**
 * Reads the part of Oniguruma's regular expressions that tokenizer files use. Everything else is a
 * PatternError. Classes are Unicode's. What is read:
 *
 * - characters and their escapes;
 * - `\s` `\d` `\p{…}` and their complements, classes, `|`, groups;
 * - `(?i:…)`, `(?=…)` `(?!…)`;
 * - the repeats `?` `*` `+` `{m,n}`, greedy or possessive.
 */
export function parsePattern(source: string): PatternNode {
  if (source.length > longestPattern)
    throw new PatternError({
      operation: 'parsePattern',
      expected: `a pattern of at most ${longestPattern} characters`,
      found: `${source.length}`,
      hint: 'write alternatives of one character as a class',
    })
  const parser = new PatternParser(source)
  const node = parser.choice(false)
  if (!parser.atEnd) parser.refuse('a closing bracket that was opened')
  return node
}

class PatternParser {
  readonly #source: string
  #at = 0
  #depth = 0
  readonly #classes = new Map<string, CharacterClass>()

  constructor(source: string) {
    this.#source = source
  }

  get atEnd(): boolean {
    return this.#at >= this.#source.length
  }

  refuse(expected: string): never {
    throw new PatternError({
      operation: 'parsePattern',
      expected,
      found: `'${this.#source.slice(this.#at, this.#at + 20)}' at ${this.#at} of '${this.#source.slice(0, 200)}'`,
      hint: 'write the pattern with character classes, groups, | and ? * + {m,n}',
    })
  }

  choice(ignoreCase: boolean): PatternNode {
    const items = [this.#sequence(ignoreCase)]
    while (this.#take('|')) items.push(this.#sequence(ignoreCase))
    return items.length === 1 ? items[0]! : { kind: 'choice', items }
  }

  #sequence(ignoreCase: boolean): PatternNode {
    const items: PatternNode[] = []
    while (!this.atEnd && !this.#sees('|') && !this.#sees(')')) items.push(this.#repeated(ignoreCase))
    return items.length === 1 ? items[0]! : { kind: 'sequence', items }
  }

  #repeated(ignoreCase: boolean): PatternNode {
    const item = this.#atom(ignoreCase)
    const start = this.#at
    let minimum = 0
    let maximum = Infinity
    let possessive = false
    if (this.#take('?')) maximum = 1
    else if (this.#take('+')) minimum = 1
    else if (!this.#take('*')) {
      const braces = /^\{(\d{1,6})(,?)(\d{0,6})\}/.exec(this.#source.slice(this.#at, this.#at + 20))
      if (braces === null) return item
      this.#at += braces[0].length
      minimum = Number(braces[1])
      maximum = braces[2] === '' ? minimum : braces[3] === '' ? Infinity : Number(braces[3])
      if (maximum < minimum) this.refuse('{m,n} with m up to n')
    }
    if (this.#source[start] !== '{') possessive = this.#take('+')
    if (this.#sees('?') || this.#sees('*') || this.#sees('+')) this.refuse('one repeat, not lazy')
    if (item.kind === 'look') this.refuse('something that takes characters before a repeat')
    if (item.kind !== 'class' && maximum > longestGroupRepeat) {
      this.refuse(`a group repeated up to ${longestGroupRepeat} times`)
    }
    return { kind: 'repeat', item, minimum, maximum, possessive }
  }

  #atom(ignoreCase: boolean): PatternNode {
    if (this.#take('[')) return this.#bracketed(ignoreCase)
    if (this.#take('(')) return this.#group(ignoreCase)
    const source = this.#character()
    const node = this.#class(`[${source}]`, ignoreCase)
    const point = source.startsWith('\\u{') ? parseInt(source.slice(3), 16) : Infinity
    // Lone surrogates read as U+FFFD.
    const isUnit = point < 0xd800 || (point > 0xdfff && point < 0xfffd)
    return isUnit && (!ignoreCase || point < 0x41) && node.kind === 'class' ? { ...node, unit: point } : node
  }

  #group(ignoreCase: boolean): PatternNode {
    if (++this.#depth > deepestGroup) this.refuse(`groups up to ${deepestGroup} deep`)
    let look: { negated: boolean } | undefined
    let inner = ignoreCase
    if (this.#take('?=')) look = { negated: false }
    else if (this.#take('?!')) look = { negated: true }
    else if (this.#take('?i:')) inner = true
    else if (!this.#take('?:') && this.#sees('?')) this.refuse('(?:…), (?i:…), (?=…) or (?!…)')
    const item = this.choice(inner)
    if (!this.#take(')')) this.refuse("')'")
    this.#depth--
    return look === undefined ? item : { kind: 'look', item, negated: look.negated }
  }

  #bracketed(ignoreCase: boolean): PatternNode {
    let source = this.#take('^') ? '[^' : '['
    const start = this.#at
    while (!this.#take(']')) {
      if (this.atEnd || this.#sees('[') || this.#sees('&&')) this.refuse("']', with '[' and '&&' escaped")
      const first = this.#character(true)
      source += first
      if (this.#sees('-') && !this.#sees('-]')) {
        this.#at++
        if (this.atEnd) this.refuse("']'")
        const last = this.#character(true)
        if (!(first.startsWith('\\u') && last.startsWith('\\u')))
          this.refuse('a range between two characters')
        if (parseInt(first.slice(3), 16) > parseInt(last.slice(3), 16)) this.refuse('a range that ascends')
        source += `-${last}`
      }
    }
    if (this.#at === start + 1) this.refuse('a class with a character in it')
    return this.#class(`${source}]`, ignoreCase)
  }

  /** Equal classes are one. */
  #class(source: string, ignoreCase: boolean): PatternNode {
    const key = `${ignoreCase ? 'i' : ''}${source}`
    let characters = this.#classes.get(key)
    if (characters === undefined) {
      if (this.#classes.size === mostClasses)
        this.refuse(`at most ${mostClasses} different characters and classes`)
      this.#classes.set(key, (characters = new CharacterClass(source, ignoreCase)))
    }
    return { kind: 'class', characters }
  }

  /** One character or class, as the inside of a JavaScript class. */
  #character(bracketed: boolean = false): string {
    if (this.atEnd) this.refuse('a character')
    const point = this.#source.codePointAt(this.#at)!
    const character = String.fromCodePoint(point)
    if (character !== '\\') {
      if (!bracketed && special.has(character)) this.refuse('a character, group or class')
      this.#at += character.length
      return escaped(point)
    }
    const escape =
      /^\\(?:([rntfv])|([sSdD])|([pP])\{(\^?)([\w=]{1,40})\}|x\{?([0-9A-Fa-f]{2,6})\}?|u([0-9A-Fa-f]{4})|([^\w\s]))/u.exec(
        this.#source.slice(this.#at, this.#at + 60),
      )
    if (escape === null) this.refuse('an escape such as \\s, \\d, \\p{L}, \\r, \\n or \\.')
    const [whole, control, shorthand, property, complement, name, hex, unicode, literal] = escape
    let source: string
    if (control !== undefined) source = escaped({ r: 13, n: 10, t: 9, f: 12, v: 11 }[control]!)
    else if (shorthand !== undefined) source = this.#shorthand(shorthand, bracketed)
    else if (property !== undefined) {
      const letter = (property === 'P') === (complement === '^') ? 'p' : 'P'
      const spellings = [`\\${letter}{${name}}`, `\\${letter}{Script=${name}}`]
      source = spellings.find(isExpression) ?? this.refuse('a Unicode property that JavaScript has')
    } else if (literal !== undefined) source = escaped(literal.codePointAt(0)!)
    else {
      const value = parseInt((hex ?? unicode)!, 16)
      if (value > 0x10ffff) this.refuse('a code point up to 10FFFF')
      source = escaped(value)
    }
    this.#at += whole.length
    return source
  }

  #shorthand(name: string, bracketed: boolean): string {
    if (name === 's') return whiteSpaceRange
    if (name === 'd') return '\\p{Nd}'
    if (name === 'D') return '\\P{Nd}'
    // The complement of a list can't stand inside a class without flag v; outside it is the whole class.
    if (bracketed) this.refuse('\\S outside of brackets')
    return `^${whiteSpaceRange}`
  }

  #sees(text: string): boolean {
    return this.#source.startsWith(text, this.#at)
  }

  #take(text: string): boolean {
    if (!this.#sees(text)) return false
    this.#at += text.length
    return true
  }
}

function escaped(point: number): string {
  return `\\u{${point.toString(16)}}`
}

function isExpression(source: string): boolean {
  try {
    new RegExp(source, 'u')
    return true
  } catch {
    return false
  }
}
