import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { HeedError, UsageError } from '../../base/index.js'
import { AutomatonSearch } from './automaton-search.js'
import { BacktrackingSearch } from './backtracking-search.js'
import { CharacterClasses } from './character-classes.js'
import { MatchList, Pattern, PatternError } from './index.js'
import { parsePattern } from './parser.js'
import type { ParsedPattern } from './parser.js'
import { PlaceBits } from './place-bits.js'
import { Compiler, isRegular } from './program.js'
import { simplify } from './simplify.js'

/** Patterns of published tokenizers. */
const real = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ' ?[^(\\s|[.,!?…。，、।۔،])]+',
  '\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))|\\p{L}+',
  '(?<=\\p{Ll})(?=\\p{Lu})',
]

/** The pieces of a text, what isn't matched with a - before it. Empty matches are empty pieces. */
function parts(source: string | Pattern, text: string): string[] {
  const pattern = typeof source === 'string' ? new Pattern(source) : source
  const found: string[] = []
  pattern.split(text, 0, text.length, (start, end, isMatch) => {
    found.push(isMatch ? text.slice(start, end) : `-${text.slice(start, end)}`)
  })
  return found
}

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."abSsT  \n\r\t'12.,!éßÉ한😀ſ\u0301\u0085\ufeff\u00a0"),
    fc.string({ unit: 'binary', maxLength: 1, minLength: 1 }),
  ),
  maxLength: 40,
})

describe('the patterns of testing/random-patterns.json', () => {
  const { matched, refused } = JSON.parse(
    readFileSync(new URL('testing/random-patterns.json', import.meta.url), 'utf8'),
  ) as { matched: [string, ...[string, string, string][]][]; refused: string[] }

  it('match as in Oniguruma', () => {
    const wrong: unknown[] = []
    for (const [source, ...cases] of matched) {
      const pattern = new Pattern(source)
      for (const [given, pieces, replaced] of cases) {
        const found: string[] = []
        let marked = ''
        // What is around the text doesn't count.
        const around = `s${given}\n`
        pattern.split(around, 1, given.length + 1, (start, end, isMatch) => {
          if (start < end) found.push(around.slice(start, end))
          marked += isMatch ? '·' : around.slice(start, end)
        })
        if (found.join('|') !== pieces || marked !== replaced)
          wrong.push([source, given, found.join('|'), pieces, marked, replaced])
      }
    }
    expect(wrong).toEqual([])
    expect(matched.length).toBeGreaterThan(300)
  })

  it.each(refused)('%s is refused as in Oniguruma', (source) => {
    expect(() => new Pattern(source)).toThrow(PatternError)
  })
})

describe('Pattern', () => {
  it('finds the words of GPT-2', () => {
    expect(parts(real[0]!, "It's  12 o'clock,\n\n you\u00a0know?! ")).toEqual([
      'It', "'s", ' ', ' 12', ' o', "'", 'clock', ',', '\n\n', ' you', '\u00a0', 'know', '?!', ' ',
    ]) // prettier-ignore
  })

  it('ignores the case of several characters at once', () => {
    expect(parts('(?i)straße', 'STRASSE Straße strasse STRAẞE')).toEqual([
      'STRASSE', '- ', 'Straße', '- ', 'strasse', '- ', 'STRAẞE',
    ]) // prettier-ignore
    expect(parts('(?i)ss', 'ßẞSsſS')).toEqual(['ß', 'ẞ', 'Ss', 'ſS'])
    expect(parts('(?i)[ß]', 'ssSß')).toEqual(['ss', '-S', 'ß'])
    // Two characters that something folds to are taken together from the left.
    expect(parts('(?i)sss', 'sß')).toEqual(['-sß'])
    expect(parts('(?i)sss', 'ßs')).toEqual(['ßs'])
    // A property outside of brackets isn't folded.
    expect(parts('(?i)\\p{Lu}', 'aA')).toEqual(['-a', 'A'])
    expect(parts('(?i)[\\p{Lu}]', 'aA')).toEqual(['a', 'A'])
  })

  it('hands over empty matches, but none where a match ended', () => {
    expect(parts('x*', 'axxb')).toEqual(['', '-a', 'xx', '-b', ''])
    expect(parts('(?m)^', 'a\nb\n')).toEqual(['', '-a\n', '', '-b\n'])
    expect(parts('$', 'a\nb\n')).toEqual(['-a', '', '-\nb', '', '-\n', ''])
    expect(parts('x*', '')).toEqual([])
    expect(parts('|a', 'aa')).toEqual(['', '-a', '', '-a', ''])
  })

  it('ends a loop with the first round that takes nothing', () => {
    expect(parts('(?:|a)*b?', 'ab')).toEqual(['', '-a', 'b'])
    expect(parts('(?:a|)*b', 'aab')).toEqual(['aab'])
  })

  it('knows possessive repeats, atomic groups and references', () => {
    expect(parts('a++ab|a', 'aab')).toEqual(['a', 'a', '-b'])
    expect(parts('(?>a|ab)c', 'abc')).toEqual(['-abc'])
    expect(parts('(?>(?:a|aa)+b|a)', 'aaab')).toEqual(['aaab'])
    expect(parts('(.)\\1', 'aabbc')).toEqual(['aa', 'bb', '-c'])
    expect(parts('(?<n>a)|(?<n>b)\\k<n>', 'bba')).toEqual(['bb', 'a'])
    expect(parts('a\\Kb', 'abb')).toEqual(['-a', 'b', '-b'])
    expect(parts('a{3,1}a', 'aaa')).toEqual(['-aaa'])
    expect(parts('a{2}?', 'aaa')).toEqual(['aa', '-a', ''])
  })

  it('reads lone surrogates as U+FFFD, and leaves what is outside alone', () => {
    expect(parts('[\\x{fffd}]+', 'a\ud800\udbffb')).toEqual(['-a', '\ud800\udbff', '-b'])
    const list = new MatchList()
    new Pattern('a+(?!b)|\\bb').matches('aaab', 1, 3, list)
    new Pattern('^a|(?<=a)').matches('aaab', 1, 3, list)
    expect([...list.places.subarray(0, 2 * list.length)]).toEqual([1, 3, 1, 2, 3, 3])
  })

  it('finds with an automaton what it finds by backtracking', () => {
    const piece = fc.constantFrom(
      'a', 'b', 's', '[ab]', '\\w', '\\s', '.', '\\X', '\\R', '^', '$', '\\b', '\\B', '(?=a)', '(?!b|$)', '(?<=a)', 'ß',
      '(?<!ab)', '(?=a*b)', '\\G', '(?i:ss)', '(?>a|ab)', '[^a]', '\\Z',
    ) // prettier-ignore
    const repeat = fc.constantFrom(
      '',
      '',
      '',
      '*',
      '+',
      '?',
      '*?',
      '+?',
      '??',
      '{2}',
      '{1,2}',
      '++',
      '?+',
      '*+',
    )
    const source = fc.letrec<{ one: string; many: string }>((tie) => ({
      one: fc.oneof(
        { depthSize: 'small' },
        piece,
        tie('many').map((inner) => `(?:${inner})`),
      ),
      many: fc
        .array(fc.tuple(tie('one'), repeat, fc.constantFrom('', '', '|')), { minLength: 1, maxLength: 4 })
        .map((items) =>
          items
            .map(
              ([item, count, or]) =>
                `${item}${/^[\^$\\(](?!\?:|\?>|[wsXR]|\?i)/.test(item) ? '' : count}${or}`,
            )
            .join(''),
        ),
    })).many
    const short = fc.string({ unit: fc.constantFrom(...'aabbsSß \n\r😀'), maxLength: 12 })
    fc.assert(
      fc.property(source, short, (value, given) => {
        let parsed: ParsedPattern
        try {
          parsed = parsePattern(value)
        } catch {
          return
        }
        const simple = simplify(parsed)
        if (!isRegular(simple, true)) return
        const compiler = new Compiler(parsed.groups)
        const program = compiler.compile(simple, 'forward')
        const backward = isRegular(simple) ? compiler.compile(simple, 'backward') : undefined
        const classes = new CharacterClasses(compiler.sets)
        const bits = new PlaceBits(compiler.bits, classes)
        const found = [
          new AutomatonSearch(program, backward, classes, bits),
          new BacktrackingSearch(program, compiler, classes, bits),
          // One that forgets its states all the time.
          new AutomatonSearch(program, backward, classes, bits, 40),
        ].map((search) => {
          const list = new MatchList()
          search.find(given, 0, given.length, list)
          return [...list.places.subarray(0, 2 * list.length)]
        })
        expect(found[1]).toEqual(found[0])
        expect(found[2]).toEqual(found[0])
      }),
      { numRuns: 400 },
    )
  })

  it('takes or refuses any source, and cuts any text without losing anything', () => {
    const source = fc.string({
      unit: fc.constantFrom(...'aabß\\\\spdLNwXRGbk<>{}[]()^?*+|,1-&:=!i#'),
      maxLength: 20,
    })
    fc.assert(
      fc.property(fc.oneof(source, fc.constantFrom(...real)), text, (value, given) => {
        try {
          let at = 0
          new Pattern(value).split(given, 0, given.length, (start, end) => {
            expect(start).toBe(at)
            expect(end).toBeGreaterThanOrEqual(start)
            at = end
          })
          expect(at).toBe(given.length)
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a hostile pattern', () => {
  it.each([
    '(a+)+$',
    '(a|a)*b',
    '(a*)*b',
    '(x*)*',
    '(a|aa)+$',
    '(?:(?=a)a)+b',
    '(?:(?<=a+)a)+b',
    '(?=a*b)a',
    '(?:a|b)*a(?:a|b){300}$',
    '(?:(?:(?:(?:(?:(?:a?)*)*)*)*)*)*b',
    '(?>a+)+b',
  ])('%s takes time in proportion to the text', (source) => {
    expect(parts(source, 'a'.repeat(50_000)).length).toBeGreaterThan(0)
  })

  it.each([
    '[ab]*a[ab]{1000}c',
    '(.*)(.*)(.*)\\1x',
    '(?>(?:a|aa)+)b',
    '(a*)*\\1b',
    '.*x.*y|a',
    '((a)|b)*\\2c((a)|b)*\\2c((a)|b)*\\2c',
    '(?=(a+))\\1b',
  ])('%s is given up', (source) => {
    expect(() => parts(source, 'ab'.repeat(5000) + 'a'.repeat(20_000))).toThrow(UsageError)
  })

  it.each([
    'a{1000000000}',
    'a{99999}',
    '((a{100}){100}){100}',
    '(?=a{2})(?=a{3})(?=a{4})(?=a{5})(?=a{6})(?=a{7})(?=a{8})(?=a{9})(?=a{10})',
  ])('%s is refused', (source) => {
    expect(() => new Pattern(source)).toThrow(PatternError)
  })

  it.each([
    ['a long one', 'a'.repeat(10_000_000)],
    ['of groups', '('.repeat(16_000)],
    ['of classes in classes', '['.repeat(16_000)],
    ['of repeats of repeats', `a${'*'.repeat(1000)}`],
    ['of repeats that double', `a${'{1,2}'.repeat(20)}`],
    ['of loops in loops', `${'(?:'.repeat(60)}a${')*'.repeat(60)}`],
    ['of many sets', Array.from({ length: 3000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('|')],
  ])('%s is refused', (_, source) => {
    expect(() => new Pattern(source)).toThrow(PatternError)
  })

  it.each([
    ['(?~a)', 'absent operator'],
    ['(?(1)a|b)', 'condition'],
    ['(?{x})', 'callout'],
    ['(*FAIL)', 'callout'],
    ['(a)\\g<1>', 'call of a group'],
    ['(?<=\\R)a', '\\R'],
    ['(?y{w})\\X', '(?'],
    ['\\p{In_Basic_Latin}', 'In_Basic_Latin'],
  ])('%s is refused by name', (source, name) => {
    expect(() => new Pattern(source)).toThrow(name)
  })
})
