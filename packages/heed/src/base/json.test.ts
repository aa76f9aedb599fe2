import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError, JsonReader, readJson, UsageError } from './index.js'

const options = { operation: 'load', file: 'config.json' }
const read = (text: string | Uint8Array, more: object = {}): unknown =>
  readJson(text, { ...options, ...more }).plain()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const spaces = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 3 })

/** JSON with white space between its tokens. */
function spaced(value: unknown, space: () => string): string {
  const inner = (one: unknown): string => spaced(one, space)
  if (Array.isArray(value))
    return `[${space()}${value.map((one) => inner(one) + space()).join(`,${space()}`)}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, one]) => `${space()}${JSON.stringify(name)}${space()}:${space()}${inner(one)}${space()}`,
  )
  return `{${space()}${members.join(',')}}`
}

describe('readJson', () => {
  it('reads what JSON.parse reads, from text and bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.infiniteStream(spaces), (value, stream) => {
        const space = (): string => stream.next().value
        const text = space() + spaced(value, space) + space()
        if (/\\ud[89a-f]/.test(text)) return
        expect(read(text)).toEqual(JSON.parse(text))
        expect(read(bytes(text))).toEqual(JSON.parse(text))
      }),
      { numRuns: 300 },
    )
  })

  it('reads strings of any characters and escapes', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }).map((text) => JSON.stringify(text).slice(1, -1)),
      fc.constantFrom('\\/', '\\b', '\\u00e9', '\\uD83D\\ude42', '\\u0000', 'é', '🙂', 'a'.repeat(30)),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = `"${parts.join('')}"`
        expect(read(text)).toBe(JSON.parse(text))
        expect(read(`[${text}, ${text}]`)).toEqual(JSON.parse(`[${text}, ${text}]`))
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses what JSON.parse refuses, and accepts nothing more, whatever is changed', () => {
    const whole = '{"a": [1, -2.5e3, "x\\u0041\\n", true, null], "b": {"": false}, "é": 0}'
    const mutation = fc.record({
      at: fc.nat(whole.length),
      cut: fc.nat(2),
      put: fc.string({ unit: fc.constantFrom(...'{}[]":,0123456789\\ eE-+.utrnl\n\u0000é'), maxLength: 2 }),
    })
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        let text = whole
        for (const { at, cut, put } of mutations) text = text.slice(0, at) + put + text.slice(at + cut)
        let expected: unknown
        let found: unknown
        let error: unknown
        try {
          expected = JSON.parse(text)
        } catch {
          expected = undefined
        }
        try {
          found = read(text)
        } catch (thrown) {
          error = thrown
        }
        if (error === undefined) expect(found).toEqual(expected)
        else {
          expect(error).toBeInstanceOf(FormatError)
          // What JSON.parse takes in addition: a name that comes twice, halves of pairs.
          if (expected !== undefined)
            expect((error as FormatError).message).toMatch(/there once|surrogate|64 bits/)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses a text that ends anywhere', () => {
    const whole = '{"a": [1, -2.5e3, "x\\u0041\\né", true, null], "b": {"": false}}'
    const all = bytes(whole)
    for (let end = 0; end < all.length; end++) expect(() => read(all.slice(0, end))).toThrow(FormatError)
  })

  it.each<[string, string | Uint8Array, RegExp]>([
    ['nothing', '', /expected a value of JSON, found the end at 1:1 of 'config.json'; correct the file/],
    [
      'a path',
      '{\n  "layers": [{}, {"width": x}]}',
      /layers\[1\]\.width to be a value of JSON, found x at 2:28/,
    ],
    [
      'a name that is no word',
      '{"a b": {"c\\n": ]}}',
      /\['a b'\]\['c\\n'\] to be a value of JSON, found "\]"|found \]/,
    ],
    ['a name twice', '{"a": 1, "\\u0061": 2}', /expected a to be there once, found it again at 1:10/],
    ['a name twice inside', '{"b": [{"a": 1, "a": 2}]}', /b\[0\]\.a to be there once/],
    ['__proto__ twice', '{"__proto__": 1, "__proto__": 2}', /there once/],
    ['more behind', '[] []', /nothing more, found a list at 1:4/],
    ['a comma too many', '[1,]', /found "\]"|found \]/],
    ['a comma too few', '[1 2]', /expected JSON with ',' or '\]', found 2 at 1:4/],
    ['a name without quotes', '{a: 1}', /name in quotes, found a at 1:2/],
    ['a control character', '"a\nb"', /string that ends, found the control character 10/],
    ['half a pair', '"\\ud800"', /lone surrogates/],
    ['half a pair that stands there', '"\ud800"', /lone surrogates/],
    ['a wrong escape', '"\\x"', /escapes of JSON/],
    ['a number too large', '1e999', /fits in 64 bits/],
    ['a number of a million digits', '9'.repeat(1e6), /at most 1000 digits/],
    ['a leading zero', '[012]', /',' or '\]'/],
    ['a plus', '+1', /a value of JSON/],
    ['a number cut off', '-', /a number/],
    ['a word', 'nulls', /nothing more/],
    ['a million levels', '['.repeat(1e6), /at most 64 levels deep/],
    ['a million levels of records', '{"a":'.repeat(1e6), /at most 64 levels deep/],
    ['a million values', `[${'0,'.repeat(1e6)}0]`, /at most 65536 values/],
    ['no UTF-8', Uint8Array.of(0x22, 0x61, 0xff, 0x22), /JSON in UTF-8, found another byte at 2/],
    ['half a character', Uint8Array.of(0x22, 0xc3), /JSON in UTF-8/],
    ['a character of another encoding', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /JSON in UTF-8/],
  ])('refuses %s', (_, text, message) => {
    expect(() => read(text)).toThrow(FormatError)
    expect(() => read(text)).toThrow(message)
  })

  it('says where in bytes, and finds broken UTF-8 far on', () => {
    const offsetOf = (text: string | Uint8Array): unknown => {
      try {
        read(text, { start: 100 })
        return undefined
      } catch (error) {
        return (error as FormatError).offset
      }
    }
    expect(offsetOf('["é🙂", x]')).toBe(100 + 11)
    const far = new Uint8Array(200_000).fill(0x20)
    far[150_000] = 0xff
    expect(offsetOf(far)).toBe(100 + 150_000)
  })

  it('takes a byte order mark, names of objects, and memory that threads share', () => {
    expect(read('\ufeff{"a": 1}')).toEqual({ a: 1 })
    const value = read('{"__proto__": {"x": 1}, "constructor": 2, "toString": 3}')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor', 'toString'])
    const shared = new Uint8Array(new SharedArrayBuffer(2))
    shared.set([0x5b, 0x5d])
    expect(read(shared)).toEqual([])
  })

  it('refuses a long text before it looks at it, and reads long white space', () => {
    expect(() => read(' '.repeat(101), { length: 100 })).toThrow(/at most 100 bytes, found 101/)
    expect(read(`${' \n'.repeat(2 ** 22)}[]`)).toEqual([])
    expect(() => read(`${' \n'.repeat(2 ** 22)}x`)).toThrow(/found x at 4194305:1/)
  })

  it('makes the error that it is told to', () => {
    const error = (detail: { path: string; operation: string; expected: string }): Error =>
      new UsageError({ ...detail, found: detail.path, hint: 'h' })
    expect(() => read('{"a": x}', { error })).toThrow(UsageError)
    expect(() => read(Uint8Array.of(255), { error })).toThrow(UsageError)
  })
})

describe('JsonValue', () => {
  const value = readJson(
    '{"layers": [{"width": 3, "kind": "a", "on": true, "none": null}], "text": "x"}',
    options,
  )
  const layer = value.member('layers').items()[0]!

  it('hands over what is asked for', () => {
    expect(layer.member('width').count()).toBe(3)
    expect(layer.member('kind').choice(['a', 'b'])).toBe('a')
    expect(layer.member('on').boolean()).toBe(true)
    expect([layer.member('none').isNull, layer.member('absent').isNull]).toEqual([true, true])
    expect(layer.member('absent').boolean(false)).toBe(false)
    expect(value.member('text').string()).toBe('x')
    expect(layer.only(['width', 'kind', 'on', 'none'])).toBe(layer)
  })

  it.each<[RegExp, () => unknown]>([
    [
      /layers\[0\]\.width to be a string, found 3 at 1:23 of 'config.json'/,
      () => layer.member('width').string(),
    ],
    [/layers\[0\]\.width to be a whole number from 0 to 2, found 3/, () => layer.member('width').count(2)],
    [/layers\[0\]\.kind to be 'x' or 'y', found "a"/, () => layer.member('kind').choice(['x', 'y'])],
    [/layers\[0\]\.absent to be a string, found none/, () => layer.member('absent').string()],
    [/layers\[0\] to be a list, found an object/, () => layer.items()],
    [/layers to be an object, found a list/, () => value.member('layers').member('a')],
    [
      /one of the fields layers, txt, found another .* did you mean 'txt'\?/,
      () => value.only(['layers', 'txt']),
    ],
  ])('refuses: %s', (message, ask) => {
    expect(ask).toThrow(FormatError)
    expect(ask).toThrow(message)
  })
})

describe('JsonReader', () => {
  it('reads a record in any order, parts of it as they come, and goes back', () => {
    const reader = new JsonReader(
      '{"big": {"a": 1, "é": 2}, "skipped": [[{"x": "y"}], -1e5, null], "small": [1]}',
      options,
    )
    const seen: [string, number][] = []
    let place = reader.place()
    const rest = reader.value({
      big: (big) => {
        place = big.place()
        big.skip()
      },
      skipped: (skipped) => skipped.skip(),
    })
    reader.end()
    expect(rest.plain()).toEqual({ small: [1] })
    reader.goTo(place)
    reader.record((name) => seen.push([name, reader.count(1e6)]), true)
    expect(seen).toEqual([
      ['a', 1],
      ['é', 2],
    ])
    reader.goTo(place)
    expect(() => reader.record(() => reader.string(), true)).toThrow(
      /big\['a'\] to be a string, found 1 at 1:15/,
    )
  })

  it('reads values one after the other, and leaves strings as bytes', () => {
    const reader = new JsonReader(' { "é" : ["\\u00e9", "b"] , "c": [] , "\\"": {} }', options)
    const seen: string[] = []
    const seenSpan = (): void => {
      seen.push(new TextDecoder().decode(reader.source.slice(reader.from, reader.to)))
    }
    expect(reader.enter('{')).toBe(true)
    do {
      reader.name(true)
      seenSpan()
      if (reader.sees('{')) expect(reader.enter('{')).toBe(false)
      else if (reader.enter('['))
        do {
          reader.span()
          seenSpan()
        } while (reader.next(']'))
    } while (reader.next('}'))
    reader.end()
    expect(seen).toEqual(['é', 'é', 'b', 'c', '"'])
    const wrong = new JsonReader('{"a\\n": ["b", 1]}', options)
    wrong.enter('{')
    wrong.name(true)
    wrong.enter('[')
    wrong.span()
    wrong.next(']')
    expect(() => wrong.span()).toThrow(/\['a\\n'\]\[1\] to be a string, found 1 at 1:15/)
  })

  it('counts in digits alone', () => {
    for (const text of ['1.0', '1e2', '-1', '-0', '9007199254740992', '3'])
      expect(() => new JsonReader(text, options).count(2)).toThrow(/a whole number from 0 to 2/)
    expect(new JsonReader('9007199254740991', options).count()).toBe(2 ** 53 - 1)
  })

  it('skips or refuses any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,012eE-.\\ tnul'), maxLength: 30 }), (text) => {
        try {
          const reader = new JsonReader(text, options)
          reader.skip()
          reader.end()
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
