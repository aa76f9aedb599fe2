/**
 * The stem of an English word (Porter 1980, "An algorithm for suffix stripping"), with the changes that NLTK
 * made to it. ROUGE compares stems.
 */

/** Words whose stem no rule gives. */
const irregular: ReadonlyMap<string, string> = new Map(
  Object.entries({
    sky: ['sky', 'skies'],
    die: ['dying'],
    lie: ['lying'],
    tie: ['tying'],
    news: ['news'],
    inning: ['innings', 'inning'],
    outing: ['outings', 'outing'],
    canning: ['cannings', 'canning'],
    howe: ['howe'],
    proceed: ['proceed'],
    exceed: ['exceed'],
    succeed: ['succeed'],
  }).flatMap(([stem, words]) => words.map((word) => [word, stem] as const)),
)

/** An ending, what stands in its place, and of which rests. The first rule whose ending fits decides. */
type Rule = readonly [ending: string, instead: string, isFit?: (rest: string) => boolean]

/** The stem of a word in small letters. */
export function porterStem(word: string): string {
  const known = irregular.get(word)
  if (known !== undefined) return known
  if (word.length <= 2) return word
  return [plural, past, endingY, longSuffix, suffix, lastSuffix, finalE, finalL].reduce(
    (stem, step) => step(stem),
    word,
  )
}

/** A letter each: `c` for a consonant, `v` for a vowel. A y behind a consonant is a vowel. */
function shapeOf(word: string): string {
  let shape = ''
  for (let i = 0; i < word.length; i++)
    shape += 'aeiou'.includes(word[i]!) || (word[i] === 'y' && shape[i - 1] === 'c') ? 'v' : 'c'
  return shape
}

/** How many times consonants follow vowels. */
function measure(word: string): number {
  return shapeOf(word).match(/vc/g)?.length ?? 0
}

const some = (rest: string): boolean => measure(rest) > 0
const several = (rest: string): boolean => measure(rest) > 1
const hasVowel = (rest: string): boolean => shapeOf(rest).includes('v')

function endsDouble(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) && shapeOf(word).endsWith('c')
}

/** Consonant, vowel, consonant, the last none of w, x, y; or a word of two letters, vowel and consonant. */
function endsShort(word: string): boolean {
  const shape = shapeOf(word)
  return (shape.length >= 3 && shape.endsWith('cvc') && !/[wxy]$/.test(word)) || shape === 'vc'
}

function applied(word: string, rules: readonly Rule[]): string {
  for (const [ending, instead, isFit] of rules) {
    if (!word.endsWith(ending)) continue
    const rest = word.slice(0, word.length - ending.length)
    return isFit === undefined || isFit(rest) ? rest + instead : word
  }
  return word
}

/** Step 1a. */
function plural(word: string): string {
  if (word.endsWith('ies') && word.length === 4) return word.slice(0, -1)
  return applied(word, [
    ['sses', 'ss'],
    ['ies', 'i'],
    ['ss', 'ss'],
    ['s', ''],
  ])
}

/** Step 1b. */
function past(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('eed')) return some(word.slice(0, -3)) ? word.slice(0, -1) : word
  const ending = ['ed', 'ing'].find((one) => word.endsWith(one) && hasVowel(word.slice(0, -one.length)))
  if (ending === undefined) return word
  const rest = word.slice(0, -ending.length)
  if (/(?:at|bl|iz)$/.test(rest)) return `${rest}e`
  if (endsDouble(rest)) return /[lsz]$/.test(rest) ? rest : rest.slice(0, -1)
  return measure(rest) === 1 && endsShort(rest) ? `${rest}e` : rest
}

/** Step 1c. */
function endingY(word: string): string {
  return applied(word, [['y', 'i', (rest) => rest.length > 1 && shapeOf(rest).endsWith('c')]])
}

/** Step 2. */
function longSuffix(word: string): string {
  if (word.endsWith('alli') && some(word.slice(0, -4))) return longSuffix(word.slice(0, -2))
  const pairs = `ational ate, tional tion, enci ence, anci ance, izer ize, bli ble, alli al, entli ent, eli e,
    ousli ous, ization ize, ation ate, ator ate, alism al, iveness ive, fulness ful, ousness ous, aliti al,
    iviti ive, biliti ble, fulli ful`
  // The l of logi counts as part of the rest.
  return applied(word, [...rulesOf(pairs, some), ['logi', 'log', () => some(word.slice(0, -3))]])
}

/** Step 3. */
function suffix(word: string): string {
  return applied(word, rulesOf('icate ic, ative, alize al, iciti ic, ical ic, ful, ness', some))
}

/** Step 4. */
function lastSuffix(word: string): string {
  return applied(word, [
    ...rulesOf('al, ance, ence, er, ic, able, ible, ant, ement, ment, ent', several),
    ['ion', '', (rest) => several(rest) && /[st]$/.test(rest)],
    ...rulesOf('ou, ism, ate, iti, ous, ive, ize', several),
  ])
}

/** Step 5a. */
function finalE(word: string): string {
  if (!word.endsWith('e')) return word
  const rest = word.slice(0, -1)
  return several(rest) || (measure(rest) === 1 && !endsShort(rest)) ? rest : word
}

/** Step 5b. */
function finalL(word: string): string {
  return applied(word, [['ll', 'l', () => several(word.slice(0, -1))]])
}

function rulesOf(pairs: string, isFit: (rest: string) => boolean): Rule[] {
  return pairs.split(',').map((pair) => {
    const [ending, instead = ''] = pair.trim().split(' ')
    return [ending!, instead, isFit]
  })
}
