import { CharacterSet } from './character-set.js'
import { categoriesByName, categoryRanges, plainName } from './general-category.js'
import { TableReader } from './numbers.js'
import { complement, difference, intersection, pointCount, union } from './ranges.js'
import type { Ranges } from './ranges.js'
import { scriptRanges, scriptsByName } from './script.js'
import { sets } from './tables.js'

/** Where the properties in `sets` stand: name as `plainName` has it → the entry. */
let entries: Map<string, string> | undefined
let categories: Map<string, string> | undefined
let scripts: Map<string, number> | undefined

/** A set of the generated table by its name. */
export function storedRanges(name: string): Ranges | undefined {
  entries ??= new Map(
    sets.split(' ').map((entry) => {
      const at = entry.indexOf('=')
      return [plainName(entry.slice(0, at)), entry.slice(at + 1)]
    }),
  )
  const entry = entries.get(name)
  if (entry === undefined) return undefined
  const colon = entry.indexOf(':')
  const edges: number[] = []
  const table = new TableReader(entry, colon + 1)
  for (let point = 0; !table.isDone;) {
    point += table.next()
    edges.push(point - (edges.length & 1))
  }
  if ((edges.length & 1) === 1) edges.push(pointCount - 1)
  return difference(nearest(entry.slice(0, colon)), Int32Array.from(edges))
}

/** What a set of the table is nearest to. */
function nearest(base: string): Ranges {
  if (base.startsWith('@')) return stored(plainName(base.slice(1)))
  return base.startsWith('!') ? ofUnicode9(base.slice(1)) : categoryRanges(base)
}

/** The characters of some general categories of Unicode 16 that Unicode 9 has too. */
export function ofUnicode9(categories: string): Ranges {
  return intersection(categoryRanges(categories), complement(stored('unassigned9')))
}

const ascii = (first: number, last: number): Ranges => Int32Array.of(first, last)
const stored = (name: string): Ranges => storedRanges(name)!

/** Properties that follow from others: those of POSIX with the meaning that Oniguruma gives them. */
const derived: Readonly<Record<string, () => Ranges>> = {
  any: () => ascii(0, pointCount - 1),
  ascii: () => ascii(0, 0x7f),
  assigned: () => complement(categoryRanges('Cn')),
  unknown: () => categoryRanges('CnCoCs'),
  alnum: () => union(stored('alphabetic'), categoryRanges('Nd')),
  blank: () => union(ascii(9, 9), categoryRanges('Zs')),
  cntrl: () => categoryRanges('Cc'),
  digit: () => categoryRanges('Nd'),
  graph: () => complement(union(stored('whitespace'), categoryRanges('CcCsCn'))),
  newline: () => ascii(10, 10),
  posixpunct: () => categoryRanges('PcPdPsPePiPfPoSmScSkSo'),
  print: () => union(derived['graph']!(), categoryRanges('Zs')),
  punct: () => categoryRanges('PcPdPsPePiPfPo'),
  posixword: () => union(stored('alphabetic'), categoryRanges('MnMcMeNdPc')),
  // ²³¹¼½¾ too, which `[[:word:]]` hasn't.
  word: () => union(derived['posixword']!(), Int32Array.of(0xb2, 0xb3, 0xb9, 0xb9, 0xbc, 0xbe)),
  xdigit: () => Int32Array.of(0x30, 0x39, 0x41, 0x46, 0x61, 0x66),
  asciihexdigit: () => derived['xdigit']!(),
}

const aliases: Readonly<Record<string, string>> = {
  alpha: 'alphabetic',
  ahex: 'asciihexdigit',
  extpict: 'extendedpictographic',
  hex: 'hexdigit',
  idc: 'idcontinue',
  ideo: 'ideographic',
  ids: 'idstart',
  lower: 'lowercase',
  ri: 'regionalindicator',
  space: 'whitespace',
  upper: 'uppercase',
  wspace: 'whitespace',
  xidc: 'xidcontinue',
  xids: 'xidstart',
  qaai: 'inherited',
}

/**
 * The characters that have a property, in Unicode 16: [first, last] of each range, one after the other.
 *
 * @param name a general category (`L`, `Lu`, `Uppercase_Letter`), a script (`Han`), another property
 *   (`Alphabetic`) or one of POSIX (`alnum`). Case, spaces, `_` and `-` don't matter.
 * @returns undefined where the name isn't known
 */
export function propertyRanges(name: string): Ranges | undefined {
  let plain = plainName(name)
  plain = Object.hasOwn(aliases, plain) ? aliases[plain]! : plain
  categories ??= categoriesByName()
  const category = categories.get(plain)
  if (category !== undefined) return categoryRanges(category)
  if (Object.hasOwn(derived, plain)) return derived[plain]!()
  scripts ??= scriptsByName()
  const script = scripts.get(plain)
  if (script !== undefined) return scriptRanges(script)
  // Names with a version are the steps' own.
  return /\d/.test(plain) ? undefined : storedRanges(plain)
}

const known = new Map<string, CharacterSet>()

/** The same as a set. Those of one name are one. */
export function propertySet(name: string): CharacterSet | undefined {
  const set = known.get(name)
  if (set !== undefined) return set
  const ranges = propertyRanges(name)
  if (ranges === undefined) return undefined
  const made = new CharacterSet(ranges)
  // Names come from files in any spelling: not more are kept than there are properties.
  if (known.size < 256) known.set(name, made)
  return made
}
