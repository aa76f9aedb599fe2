import { complement, intersection, rangesOf, union } from './ranges.js'
import type { Ranges } from './ranges.js'

const known = new Map<string, Ranges | undefined>()

const ascii: Ranges = [0, 0x7f]

/**
 * The code points of a Unicode property by its name in Oniguruma: a general category, a script, a POSIX class
 * or a binary property, whatever the case of its letters, without its spaces, `-` and `_`. Undefined where
 * there is none of that name.
 */
export function propertyRanges(name: string): Ranges | undefined {
  const key = name.replace(/[ _-]/g, '').toLowerCase()
  if (!known.has(key)) known.set(key, compute(key))
  return known.get(key)
}

/** The same of a name that is known to exist. */
export function property(name: string): Ranges {
  return propertyRanges(name) ?? []
}

function compute(key: string): Ranges | undefined {
  switch (key) {
    case 'any':
      return [0, 0x10ffff]
    case 'assigned':
      return complement(property('cn'))
    case 'ascii':
      return ascii
    case 'alnum':
      return union(property('alpha'), property('nd'))
    case 'alpha':
      return property('alphabetic')
    case 'blank':
      return union([9, 9], property('zs'))
    case 'cntrl':
      return property('cc')
    case 'digit':
      return property('nd')
    case 'graph':
      return complement(
        union(union(property('space'), property('cc')), union(property('cn'), property('cs'))),
      )
    case 'lower':
      return property('lowercase')
    case 'upper':
      return property('uppercase')
    case 'print':
      return union(property('graph'), property('zs'))
    case 'posixpunct':
      return union(property('p'), property('s'))
    case 'space':
      return property('whitespace')
    case 'xdigit':
      return [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]
    case 'word':
      return union(union(property('alphabetic'), property('m')), union(property('nd'), property('pc')))
  }
  return engine(key)
}

/** Stand-in until the generated tables are there. */
function engine(key: string): Ranges | undefined {
  const title = key.replace(/^./, (letter) => letter.toUpperCase())
  const spellings = [
    title,
    { alphabetic: 'Alphabetic', whitespace: 'White_Space', punct: 'P' }[key] ?? title,
    `Script=${title}`,
  ]
  for (const spelling of spellings) {
    try {
      const expression = new RegExp(`\\p{${spelling}}`, 'u')
      const pairs: [number, number][] = []
      for (let point = 0; point <= 0x10ffff; point++)
        if (expression.test(String.fromCodePoint(point))) pairs.push([point, point])
      return rangesOf(pairs)
    } catch {}
  }
  return undefined
}

/** What of a set is within ASCII. */
export function asciiOnly(ranges: Ranges): Ranges {
  return intersection(ranges, ascii)
}
