import type { Ranges } from '../unicode/index.js'
import { isHexDigit, isOctalDigit } from './pattern-source.js'
import type { PatternSource } from './pattern-source.js'
import { asciiOnly, plainName, property } from './properties.js'
import { includes, lastPoint } from './ranges.js'

const controls = new Map([
  ['n', 10],
  ['t', 9],
  ['r', 13],
  ['f', 12],
  ['v', 11],
  ['a', 7],
  ['b', 8],
  ['e', 27],
])

/** What an escape stands for: code points in a row, -1 between two of them for a range. */
export type EscapedPoints = readonly number[]

/**
 * Reads the rest of an escape that stands for characters, after the backslash: `\n`, `\x41`, `\x{3042}`,
 * `\u3042`, `\101`, `\cA`, `\C-a`, `\M-a`, or a character that stands for itself.
 */
export function readCharacterEscape(source: PatternSource, inBrackets: boolean): EscapedPoints {
  if (source.atEnd) source.refuse('a character after \\', 'the end')
  const start = source.at
  const letter = String.fromCodePoint(source.next())
  if ((letter === 'x' || letter === 'o') && source.sees('{')) {
    const points = readBraces(source, letter === 'x' ? 16 : 8, inBrackets)
    return points ?? [letter.charCodeAt(0)]
  }
  if (letter === 'x' || (letter >= '0' && letter <= '7')) {
    source.at = start
    return [readBytes(source)]
  }
  if (letter === 'u') {
    const digits = source.run(isHexDigit, 4)
    if (digits.length < 4) source.refuse('four hexadecimal digits')
    return [parseInt(digits, 16)]
  }
  source.at = start
  return [readControl(source)]
}

/** `\x{…}` or `\o{…}`: code points, with spaces between; undefined where it is none. */
function readBraces(source: PatternSource, base: number, inBrackets: boolean): EscapedPoints | undefined {
  const isDigitOfBase = base === 16 ? isHexDigit : isOctalDigit
  const start = source.at
  source.at++
  const points: number[] = []
  while (true) {
    const digits = source.run(isDigitOfBase, base === 16 ? 8 : 11)
    if (digits === '') {
      if (points.length > 0) source.refuse('a code point')
      source.at = start
      return undefined
    }
    points.push(parseInt(digits, base))
    const spaces = source.run((point) => point === 0x20 || point === 10)
    if (source.take('}')) return points
    if (source.take('-') && inBrackets) points.push(-1)
    else if (spaces === '') source.refuse('} or a space between code points')
    source.run((point) => point === 0x20 || point === 10)
  }
}

/** Bytes of UTF-8 as `\xHH` or in octal, which make one character. */
function readBytes(source: PatternSource): number {
  const first = readByte(source)
  if (first < 0x80) return first
  const more = first >= 0xc2 && first < 0xe0 ? 1 : (first & 0xf0) === 0xe0 ? 2 : first <= 0xf4 ? 3 : 0
  const bytes = [first]
  while (bytes.length <= more && source.sees('\\')) {
    source.at++
    if (!source.sees('x') && !isOctalDigit(source.peek())) break
    bytes.push(readByte(source))
  }
  try {
    if (bytes.length !== more + 1) throw new Error()
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes)).codePointAt(0)!
  } catch {
    return source.refuse('bytes of UTF-8')
  }
}

function readByte(source: PatternSource): number {
  if (source.take('x')) return parseInt(source.run(isHexDigit, 2) || '0', 16)
  const byte = parseInt(source.run(isOctalDigit, 3), 8)
  return byte < 256 ? byte : source.refuse('an octal number up to 377')
}

function readControl(source: PatternSource): number {
  const point = source.next()
  const letter = String.fromCodePoint(point)
  if (letter === 'M' || letter === 'C') {
    if (!source.take('-')) source.refuse(`\\${letter}-`)
  } else if (letter !== 'c') return controls.get(letter) ?? point
  if (letter !== 'M' && source.take('?')) return 0x7f
  const value = source.take('\\') ? readControl(source) : source.next()
  return letter === 'M' ? (value & 0xff) | 0x80 : value & 0x9f
}

/** Refuses what is no character: surrogates, and what is beyond Unicode. */
export function checkPoint(source: PatternSource, point: number): number {
  if (point > lastPoint || (point >= 0xd800 && point < 0xe000))
    source.refuse('a code point of a character', point.toString(16))
  return point
}

const shorthands = new Map([
  ['w', 'word'],
  ['d', 'digit'],
  ['s', 'space'],
  ['h', 'xdigit'],
])

/** Options that change which characters a class has. */
export interface ClassOptions {
  readonly asciiWord: boolean
  readonly asciiDigit: boolean
  readonly asciiSpace: boolean
  readonly asciiPosix: boolean
}

export interface NamedClass {
  readonly set: Ranges
  readonly negated: boolean
  readonly name: string
}

/** Reads `\w`, `\S`, `\p{…}` and their like, after the backslash; undefined where it is none of them. */
export function readClassEscape(source: PatternSource, options: ClassOptions): NamedClass | undefined {
  const letter = String.fromCodePoint(Math.max(0, source.peek()))
  const name = shorthands.get(letter.toLowerCase())
  if (name !== undefined) {
    source.at++
    return { set: namedSet(name, options), negated: letter < 'a', name }
  }
  if (!source.take('p{') && !source.take('P{')) return undefined
  let negated = letter === 'P'
  if (source.take('^')) negated = !negated
  const property = source.run((point) => !'(){}|'.includes(String.fromCodePoint(point)))
  if (!source.take('}')) source.refuse('} after the name of a property')
  const key = plainName(property)
  const set = namedSet(key, options)
  if (set.length === 0) source.refuse('a Unicode property', `'${property}'`)
  return { set, negated, name: key }
}

const posixNames = [
  'alnum',
  'alpha',
  'blank',
  'cntrl',
  'digit',
  'graph',
  'lower',
  'print',
  'punct',
  'space',
  'upper',
  'xdigit',
  'ascii',
  'word',
]

/** A named set, within ASCII where the options say so; empty where there is none of that name. */
export function namedSet(key: string, options: ClassOptions): Ranges {
  const set = property(key === 'word' ? 'posixword' : key)
  const isLimited =
    (options.asciiPosix && posixNames.includes(key)) ||
    (options.asciiWord && key === 'word') ||
    (options.asciiDigit && key === 'digit') ||
    (options.asciiSpace && key === 'space')
  return isLimited ? asciiOnly(set) : set
}

/** Reads `alpha:]` or `^alpha:]`, after `[:`; undefined where it isn't one. */
export function readPosixBracket(source: PatternSource, options: ClassOptions): NamedClass | undefined {
  const start = source.at
  const negated = source.take('^')
  const name = source.run((point) => includes(property('alpha'), point))
  if (!source.take(':]') || (name === '' && !negated)) {
    source.at = start
    return undefined
  }
  if (!posixNames.includes(name)) source.refuse('a POSIX class such as [:alpha:]', name)
  return { set: namedSet(name === 'punct' ? 'posixpunct' : name, options), negated, name }
}
