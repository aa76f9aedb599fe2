/**
 * Which drawings show nearly the same: people of another gender, skin or age who do the same, flags of
 * countries, clock faces, the same thing in another colour, size or direction. They are one concept, and
 * stand on one side of a split: else what is held out would have been seen.
 */
import { partOf } from 'heed/internals'

/** A drawing's code points and what it is called. */
export interface Named {
  /** `1F468-200D-1F33E` */
  readonly code: string
  /** `man farmer` */
  readonly label: string
}

/** Where a concept's drawings go. */
export type Split = 'train' | 'validation' | 'test'

/** Of twenty parts of all concepts, sixteen are trained on, two validate and two test. */
export function splitOf(concept: string): Split {
  const part = partOf(concept, 20)
  return part < 16 ? 'train' : part < 18 ? 'validation' : 'test'
}

/** A code without what changes only how it is drawn: the variation selector, zeros in front. */
export function plainCode(code: string): string {
  return code
    .toUpperCase()
    .split('-')
    .map((point) => point.replace(/^0+/, ''))
    .filter((point) => point !== 'FE0F')
    .join('-')
}

/** The concept of each drawing, by its plain code. */
export function conceptsOf(all: readonly Named[]): ReadonlyMap<string, string> {
  const parents = new Map<string, string>()
  const root = (key: string): string => {
    let at = key
    for (let up = parents.get(at); up !== undefined && up !== at; up = parents.get(at)) at = up
    return at
  }
  const keys = new Set(all.map(({ label }) => byLabel(label)))
  const named = all.map(({ code, label }) => {
    const name = byLabel(label)
    // A head and the whole animal: `cat face`, `cat`.
    const whole = name.replace(/ face$/, '')
    return { code, fromCode: byCode(code), fromLabel: keys.has(whole) ? whole : name }
  })
  for (const { fromCode, fromLabel } of named) {
    const [labelKey, codeKey] = [`label ${fromLabel}`, `code ${fromCode}`]
    for (const key of [labelKey, codeKey]) if (!parents.has(key)) parents.set(key, key)
    parents.set(root(codeKey), root(labelKey))
  }
  // What a concept is called: as its codes say where they do, else by its shortest name.
  const names = new Map<string, string>()
  const isBetter = (name: string, than: string | undefined): boolean =>
    than === undefined || name.length < than.length || (name.length === than.length && name < than)
  for (const { fromCode, fromLabel } of named) {
    const key = root(`code ${fromCode}`)
    const known = names.get(key)
    if (concepts.has(fromCode)) names.set(key, fromCode)
    else if (!concepts.has(known ?? '') && isBetter(fromLabel, known)) names.set(key, fromLabel)
  }
  return new Map(named.map(({ code, fromCode }) => [plainCode(code), names.get(root(`code ${fromCode}`))!]))
}

const grown = new Set(['1F468', '1F469', '1F9D1'])
const anybody = new Set([...grown, '1F466', '1F467', '1F9D2', '1F474', '1F475', '1F9D3', '1F471', '1F9D4'])
/** Drawings of one thing whose codes say nothing of it. */
const alike: Readonly<Record<string, readonly string[]>> = {
  royalty: ['1F934', '1F478', '1FAC5'],
  'christmas person': ['1F385', '1F936', 'person-200D-1F384'],
  dancing: ['1F483', '1F57A'],
  pregnant: ['1F930', '1FAC3', '1FAC4'],
  'feeding a baby': ['1F931', 'person-200D-1F37C'],
  'holding hands': ['1F46B', '1F46C', '1F46D'],
  family: ['1F46A'],
  kiss: ['1F48F'],
  'couple with heart': ['1F491'],
  'wise monkey': ['1F648', '1F649', '1F64A'],
  globe: ['1F30D', '1F30E', '1F30F'],
  keycap: ['1F51F'],
}
const alikeByCode = new Map(
  Object.entries(alike).flatMap(([name, codes]) => codes.map((code) => [code, name] as const)),
)

/** The concepts that codes say by themselves. */
const concepts = new Set([...Object.keys(alike), 'flag of a country', 'clock face', 'moon', 'person'])

/** What a code says of the concept, with people of every kind as one. */
function byCode(code: string): string {
  const points = plainCode(code)
    .split('-')
    .filter((point) => !/^1F3F[B-F]$/.test(point))
  const first = Number.parseInt(points[0]!, 16)
  const between = (begin: number, end: number): boolean =>
    points.length === 1 && first >= begin && first <= end
  if ((first >= 0x1f1e6 && first <= 0x1f1ff) || points[1] === 'E0067') return 'flag of a country'
  if (points.includes('20E3')) return 'keycap'
  if (between(0x1f550, 0x1f567)) return 'clock face'
  if (between(0x1f311, 0x1f31d)) return 'moon'
  if (points.includes('2764') && points.includes('1F48B')) return 'kiss'
  if (points.includes('2764') && points.some((point) => grown.has(point))) return 'couple with heart'
  if (points.includes('1F91D') && points.some((point) => grown.has(point))) return 'holding hands'
  const plain = points
    // Gender, and which way one faces.
    .filter((point) => point !== '2640' && point !== '2642' && point !== '27A1')
    .map((point) => (anybody.has(point) ? 'person' : point))
  while (plain.at(-1) === '200D') plain.pop()
  const people = plain.filter((point) => point !== '200D')
  if (people.length > 1 && people.every((point) => point === 'person')) return 'family'
  // Hair is a trait, as age is.
  if (plain[0] === 'person' && /^1F9B[0-3]$/.test(plain[2] ?? '')) return 'person'
  const key = plain.filter((point, i) => point !== '200D' || plain[i - 1] !== '200D').join('-')
  return alikeByCode.get(key) ?? key
}

const traits = new Set(
  `red orange yellow green blue purple brown black white grey gray pink light dark
  small medium large medium-small left right up down left-facing right-facing leftwards rightwards upwards
  downwards facing open closed older old`
    .trim()
    .split(/\s+/),
)
const persons = new Set(['man', 'woman', 'men', 'women', 'person', 'people', 'boy', 'girl', 'child'])
/** Names that differ in a state alone. */
const states: readonly (readonly [string, RegExp])[] = [
  ['arrow', /^(?!.*\bwith\b)(?!bow\b).*\barrows?$|\barrow (curving|pointing)\b/],
  ['pointing hand', /\bindex pointing\b/],
  ['mailbox', /\bmailbox\b/],
  ['lock', /^(un)?locked\b/],
  ['hourglass', /^hourglass\b/],
  ['umbrella', /^(closed )?umbrella\b/],
  ['speaker', /^(muted )?speaker\b/],
  ['battery', /\bbattery$/],
  ['flag of a country', /^flag:/],
]

/** What a name says of the concept, without colour, size, direction, and who it is. */
function byLabel(label: string): string {
  const lower = label.toLowerCase()
  const state = states.find(([, pattern]) => pattern.test(lower))
  if (state !== undefined) return state[0]
  const words = lower
    .replace(/(: |, )?[\w-]+ skin tone\b/g, '')
    .split(/[\s:,]+/)
    .map((word) => (persons.has(word) ? 'person' : word))
  const kept = words.filter((word) => !traits.has(word))
  return (kept.length === 0 ? words : kept).join(' ')
}
