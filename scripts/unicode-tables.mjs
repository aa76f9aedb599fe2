// Writes packages/heed/src/text/unicode/tables.ts: what heed knows of Unicode's characters.
//
//     node scripts/unicode-tables.mjs [FOLDER]
//
// The data come from the packages @unicode/unicode-8.0.0, -9.0.0, -16.0.0 and -17.0.0 of npm (MIT; the data
// in them: Unicode License v3), which are unpacked into FOLDER if they aren't there. Combining classes come
// from the unicodedata of Python, for the characters of Unicode 9 only: there they never change.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'

const folder = resolve(process.argv[2] ?? join(tmpdir(), 'unicode-packages'))
const points = 0x110000

/** The folder of Unicode's data of a version. */
function data(version) {
  const at = join(folder, `${version}`)
  if (!existsSync(join(at, 'package'))) {
    mkdirSync(at, { recursive: true })
    execFileSync('npm', ['pack', '--silent', `@unicode/unicode-${version}.0.0`], { cwd: at })
    const archive = readdirSync(at).find((name) => name.endsWith('.tgz'))
    execFileSync('tar', ['xzf', archive], { cwd: at })
  }
  return join(at, 'package')
}

async function load(version, path) {
  return (await import(pathToFileURL(join(data(version), `${path}.mjs`)).href)).default
}

/** A byte for each code point: 1 for members. */
async function members(version, path) {
  const set = new Uint8Array(points)
  for (const { begin, end } of await load(version, `${path}/ranges`)) set.fill(1, begin, end)
  return set
}

const namesIn = (version, kind) =>
  readdirSync(join(data(version), kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)

/** Which of the names in a kind each code point has: its index, or `none`. */
async function kinds(version, kind, names, none) {
  const which = new Uint8Array(points).fill(none)
  for (const [i, name] of names.entries())
    for (const { begin, end } of await load(version, `${kind}/${name}/ranges`)) which.fill(i, begin, end)
  return which
}

const where = (test) => Uint8Array.from({ length: points }, (_, point) => (test(point) ? 1 : 0))

/** Where a set begins and ends, alternately. */
function edges(set) {
  const list = []
  for (let point = 0, inside = 0; point <= points; point++) {
    const now = point < points ? set[point] : 0
    if (now !== inside) list.push(point)
    inside = now
  }
  return list
}

// Numbers are spelled in base 32, low digits first: a to z, A to F for the last digit, G to Z, 0 to 9, - and
// _ for those before.
const digits = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_'

function number(value) {
  let text = ''
  for (; value > 31; value = Math.floor(value / 32)) text += digits[32 + (value % 32)]
  return text + digits[value]
}

const signed = (value) => number(value < 0 ? -2 * value - 1 : 2 * value)
const rising = (list) => list.map((value, i) => number(value - (list[i - 1] ?? 0))).join('')

/** Runs of equal values, as [value, length]. */
function runs(values) {
  const list = []
  for (const value of values) {
    if (list.at(-1)?.[0] === value) list.at(-1)[1]++
    else list.push([value, 1])
  }
  return list
}

// General categories: a sign for each run of equal ones, then its length.

const categories = {
  Lu: 'Uppercase_Letter', Ll: 'Lowercase_Letter', Lt: 'Titlecase_Letter', Lm: 'Modifier_Letter', Lo: 'Other_Letter',
  Mn: 'Nonspacing_Mark', Mc: 'Spacing_Mark', Me: 'Enclosing_Mark',
  Nd: 'Decimal_Number', Nl: 'Letter_Number', No: 'Other_Number',
  Pc: 'Connector_Punctuation', Pd: 'Dash_Punctuation', Ps: 'Open_Punctuation', Pe: 'Close_Punctuation',
  Pi: 'Initial_Punctuation', Pf: 'Final_Punctuation', Po: 'Other_Punctuation',
  Sm: 'Math_Symbol', Sc: 'Currency_Symbol', Sk: 'Modifier_Symbol', So: 'Other_Symbol',
  Zs: 'Space_Separator', Zl: 'Line_Separator', Zp: 'Paragraph_Separator',
  Cc: 'Control', Cf: 'Format', Cs: 'Surrogate', Co: 'Private_Use', Cn: 'Unassigned',
} // prettier-ignore
const categoryNames = Object.keys(categories)
const category = await kinds(16, 'General_Category', Object.values(categories), categoryNames.length - 1)
const categoryRuns = runs(category)

// Scripts: runs too, counted over assigned characters only. Those of Unicode 9: what differs.

const scriptNames = namesIn(16, 'Script').filter((name) => name !== 'Unknown')
const unknown = scriptNames.length
const script = await kinds(16, 'Script', scriptNames, unknown)
const unassigned = categoryNames.indexOf('Cn')
const scriptRuns = runs([...script].filter((_, point) => category[point] !== unassigned))

const unassignedIn9 = await members(9, 'General_Category/Unassigned')
const earlierNames = scriptNames.filter((name) => existsSync(join(data(9), 'Script', name)))
const earlier = await kinds(9, 'Script', earlierNames, 255)
const earlierScripts = changedRuns((point) => {
  const name = earlierNames[earlier[point]]
  const now = scriptNames[script[point]]
  return unassignedIn9[point] === 1 || name === now ? undefined : scriptNames.indexOf(name)
}).map(([gap, count, value]) => number(gap) + number(count - 1) + number(value))

/** Runs of equal values, where there is one: [code points since the last run, length, value]. */
function changedRuns(valueOf) {
  const list = []
  let end = 0
  for (let point = 0; point < points; point++) {
    const value = valueOf(point)
    if (value === undefined) continue
    if (point === end && value === list.at(-1)?.[2]) list.at(-1)[1]++
    else list.push([point - end, 1, value])
    end = point + 1
  }
  return list
}

// Sets: what a set is nearest to, general categories (with ! only what Unicode 9 has of them) or (with @)
// another set, then where it differs.

const properties = {
  Alphabetic: 'LuLlLtLmLoNl', Bidi_Control: '', Case_Ignorable: 'MnMeLmSkCf', Cased: 'LuLlLt', Dash: 'Pd',
  Default_Ignorable_Code_Point: '', Emoji: '', Emoji_Component: '', Emoji_Modifier: '',
  Emoji_Modifier_Base: '', Emoji_Presentation: '', Extended_Pictographic: '', Grapheme_Extend: 'MnMe',
  Hex_Digit: '', Hyphen: '', ID_Continue: 'LuLlLtLmLoMnMcNdNlPc', ID_Start: 'LuLlLtLmLoNl', Ideographic: '',
  Join_Control: '', Lowercase: 'Ll', Noncharacter_Code_Point: '', Quotation_Mark: 'PiPf',
  Regional_Indicator: '', Unified_Ideograph: '', Uppercase: 'Lu', Variation_Selector: '', White_Space: 'Zs',
  XID_Continue: '@ID_Continue', XID_Start: '@ID_Start',
} // prettier-ignore

const union = (...sets) => where((point) => sets.some((set) => set[point] === 1))
const inVersion = (version, ...names) =>
  Promise.all(names.map((name) => members(version, `General_Category/${categories[name] ?? name}`))).then(
    (sets) => union(...sets),
  )
const isAsciiPunctuation = (point) => point < 0x7f && /[!-/:-@[-`{-~]/.test(String.fromCharCode(point))
const punctuation = await inVersion(8, 'Punctuation')

/** What earlier and later versions had, where a tokenizer goes by them: name → [categories, the set]. */
/** @type {Record<string, [string, Uint8Array]>} */
const sets = {
  unassigned9: ['Cn', unassignedIn9],
  nonspacing8: ['!Mn', await inVersion(8, 'Mn')],
  mark9: ['!MnMcMe', await inVersion(9, 'Mark')],
  punctuation8: ['PcPdPsPePiPfPo', where((point) => punctuation[point] === 1 || isAsciiPunctuation(point))],
  control8: ['!CcCfCo', await inVersion(8, 'Cc', 'Cf', 'Co')],
  numeric17: ['NdNlNo', await inVersion(17, 'Number')],
  pictograph17: ['@Emoji', await members(17, 'Binary_Property/Extended_Pictographic')],
  consonant17: ['', await members(17, 'Indic_Conjunct_Break/Consonant')],
  linker17: ['', await members(17, 'Indic_Conjunct_Break/Linker')],
}
for (const [name, base] of Object.entries(properties))
  sets[name] = [base, await members(16, `Binary_Property/${name}`)]

function nearest(base) {
  if (base.startsWith('@')) return sets[base.slice(1)][1]
  const wanted = categoryNames.map((name) => base.includes(name))
  return where((point) => wanted[category[point]] && !(base.startsWith('!') && unassignedIn9[point]))
}

const setTable = Object.entries(sets).map(([name, [base, set]]) => {
  const near = nearest(base)
  return `${name}=${base.replaceAll('_', '')}:${rising(edges(where((point) => set[point] ^ near[point])))}`
})

// Lowercase of one character for one, in Unicode 17; the full foldings of Unicode 16, where they differ.

/** Runs [gap, count, step 1 or 2, what is added] of a map from code points to code points. */
function shifts(map) {
  const list = []
  for (const [point, to] of [...map].sort((a, b) => a[0] - b[0])) {
    const last = list.at(-1)
    const shift = to - point
    if (
      last?.shift === shift &&
      (last.count === 1 ? point - last.end <= 2 : point - last.end === last.step)
    ) {
      last.step = point - last.end
      last.count++
      last.end = point
    } else list.push({ gap: point - (last?.end ?? 0), count: 1, step: 1, shift, end: point })
  }
  return list
    .map(({ gap, count, step, shift }) => number(gap) + number(2 * count + step - 3) + signed(shift))
    .join('')
}

/** Runs of equal values over the characters of a set: value, length less one. */
const over = (set, valueOf) =>
  runs([...set.keys()].filter((point) => set[point]).map(valueOf)).map(([value, length]) => [
    value,
    length - 1,
  ])

const uppercase = nearest('Lu')
const lowercase = await load(17, 'Simple_Case_Mapping/Lowercase/code-points')
const folding = new Map(await load(16, 'Case_Folding/C/code-points'))
const fullFolding = await load(16, 'Case_Folding/F/code-points')
const differs = new Map()
for (const point of lowercase.keys())
  if (!folding.has(point) && !fullFolding.has(point)) differs.set(point, point)
for (const [point, to] of folding) if (lowercase.get(point) !== to) differs.set(point, [to].flat()[0])
const long = [...fullFolding].sort((a, b) => a[0] - b[0])

// Canonical combining classes other than 0, of Unicode 9.

const python =
  'import unicodedata as u;print(*(f"{p},{u.combining(chr(p))}" for p in range(0x110000) if u.combining(chr(p))))'
const classes = new Map(
  execFileSync('python3', ['-c', python], { encoding: 'utf8' })
    .trim()
    .split(' ')
    .map((pair) => pair.split(',').map(Number)),
)
const combining = over(nearest('!MnMcMe'), (point) => classes.get(point) ?? 0)

// Grapheme cluster breaks: where they aren't what the general category lets expect. Hangul syllables are
// left out.

// prettier-ignore
const breakNames = ['Other', 'Control', 'Extend', 'SpacingMark', 'Prepend', 'Regional_Indicator', 'ZWJ', 'L', 'V', 'T', 'LV', 'LVT', 'CR', 'LF']
const breaks = await kinds(16, 'Grapheme_Cluster_Break', breakNames, 0)
const expected = categoryNames.map((name) =>
  /Cc|Cf|Zl|Zp/.test(name) ? 1 : /Mn|Me/.test(name) ? 2 : name === 'Mc' ? 3 : 0,
)
const unexpected = changedRuns((point) =>
  (point >= 0xac00 && point < 0xd7a4) || breaks[point] === expected[category[point]]
    ? undefined
    : breaks[point],
)

const laterBreaks = await kinds(17, 'Grapheme_Cluster_Break', breakNames, 0)
const changedBreaks = changedRuns((point) =>
  breaks[point] === laterBreaks[point] ? undefined : laterBreaks[point],
)

const listed = (list) =>
  list.map(([gap, count, value]) => number(gap) + number(count - 1) + number(value)).join('')

const tables = {
  categoryNames: categoryNames.join(''),
  categoryLongNames: Object.values(categories).join(' '),
  categoryValues: categoryRuns.map(([value]) => digits[value]).join(''),
  categoryLengths: categoryRuns.map(([, length]) => number(length - 1)).join(''),
  scriptNames: scriptNames.join(' '),
  scriptRuns: scriptRuns.map(([value, length]) => number(value) + number(length - 1)).join(''),
  earlierScripts: earlierScripts.join(''),
  sets: setTable.join(' '),
  uppercase: over(uppercase, (point) => (lowercase.get(point) ?? point) - point)
    .map(([shift, length]) => signed(shift) + number(length))
    .join(''),
  lowercase: shifts([...lowercase].filter(([point]) => !uppercase[point])),
  foldings: shifts(differs),
  longFoldings: long
    .map(
      ([point, to], i) =>
        number(point - (long[i - 1]?.[0] ?? 0)) + number(to.length) + to.map(number).join(''),
    )
    .join(''),
  combiningClasses: combining.map((run) => run.map(number).join('')).join(''),
  graphemeBreaks: listed(unexpected),
  laterGraphemeBreaks: listed(changedBreaks),
}
const about = {
  categoryNames: 'The general categories by their short names, two letters each.',
  categoryLongNames: 'Their long names.',
  categoryValues: 'The category of each run of characters: a digit.',
  categoryLengths: 'How long each run is, less one.',
  scriptNames: 'The scripts.',
  scriptRuns: 'Runs over the assigned characters: script, length less one.',
  earlierScripts: 'Where Unicode 9 differs: code points since the last run, length less one, script.',
  sets: 'Sets: a name, what it is nearest to, and where it begins or ends to differ from that.',
  lowercase:
    'Lowercase in Unicode 17: code points since the last character of a run, 2 (length - 1) + step - 1, shift.',
  foldings: 'Case foldings in Unicode 16 where they are not lowercase, in the same form.',
  longFoldings: 'Foldings to several characters: code points since the last, how many, which.',
  combiningClasses: 'Combining classes of the marks of Unicode 9: runs of class, length less one.',
  graphemeBreaks:
    'Grapheme cluster breaks where they do not follow from the category: code points since the last run, length less one, break.',
  laterGraphemeBreaks: 'Those of Unicode 17 that differ, in the same form.',
}
let text = `// Written by scripts/unicode-tables.mjs from the packages @unicode/unicode-8.0.0, -9.0.0, -16.0.0, -17.0.0
// (MIT) and Python's unicodedata. The data are the Unicode Character Database's, (c) Unicode, Inc., under the
// Unicode License v3 (https://www.unicode.org/license.txt). Numbers are spelled as \`decodeNumbers\` reads.
`
for (const [name, value] of Object.entries(tables))
  text += `
/** ${about[name]} */
export const ${name}: string =
  '${value}'
`
const file = new URL('../packages/heed/src/text/unicode/tables.ts', import.meta.url)
writeFileSync(file, text)
for (const [name, value] of Object.entries(tables))
  console.log(name, value.length, gzipSync(value, { level: 9 }).length)
console.log('all, gzipped:', gzipSync(text, { level: 9 }).length)
