import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { escaped, jsonText } from './escape.js'
import { guarded, textStream, type Environment, type Output } from './output.js'

/**
 * Every character that acts on a terminal or hides: C0, DEL, C1, formats, separators, lone surrogates,
 * fillers.
 */
const RAW = /\u034f|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/u
const HOSTILE = [
  '\u001b]0;title\u0007',
  '\u001b]52;c;ZXZpbA==\u0007',
  '\u001b[31m',
  '\u009b2J',
  '\u009d0;title\u009c',
  'a\u202eb',
  '\u2066x\u2069',
  'a\u200bb',
  'a\u200db',
  'a\u200cb',
  '\ud800',
  '\ufeff',
  '\u00ad',
  'a\u2028b\u2029c',
  '\u{e0041}',
].join(' ')

function recorder(isTTY: boolean): Output & { written: string } {
  const output = { written: '', isTTY, write: (text: string) => (output.written += text) }
  return output
}

describe('escaped', () => {
  test('marks what acts, leaves what shows', () => {
    expect(escaped('a\u001b[2Jb')).toBe('a␛[2Jb')
    expect(escaped('\u009b\u007f\r\n\t')).toBe('U+009B␡␍↵⇥')
    expect(escaped('a\u202eb\u200b')).toBe('aU+202EbU+200B')
    expect(escaped('\udce6\udc97\ud800')).toBe('E697U+D800')
    expect(escaped('a b\u00a0c\nd\te', '\n\t')).toBe('a b\u00a0c\nd\te')
    for (const text of ['naïve', '日本語', 'שלום', 'e\u0301', '👩‍💻', '❤\ufe0f', 'می‌خواهم', 'क्‍ष']) {
      expect(escaped(text)).toBe(text)
    }
    expect(escaped(HOSTILE)).not.toMatch(RAW)
  })

  test('whatever the text, nothing that acts is left but joiners between what they join', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escaped(text).replace(/[\u200c\u200d]/g, '')).not.toMatch(RAW)
      }),
    )
    for (let code = 0; code <= 0x10ffff; code += code < 0x3100 ? 1 : 97) {
      expect(RAW.test(escaped(`a${String.fromCodePoint(code)}b`))).toBe(false)
    }
  })
})

test('JSON says the same without them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 2 }), (text, indent) => {
      const json = jsonText({ text: [text, HOSTILE] }, indent)
      expect(json.replaceAll('\n', '')).not.toMatch(RAW)
      expect(JSON.parse(json)).toEqual({ text: [text, HOSTILE] })
    }),
  )
})

describe('guarded', () => {
  test.each<[string, boolean, Environment, string]>([
    ['a pipe: lines alone', false, {}, '␍a␛[1mb␛[22m\n    c␛[KU+009B'],
    ['a terminal: our own codes too', true, {}, '\ra\u001b[1mb\u001b[22m\n    c\u001b[KU+009B'],
    ['a terminal without colour', true, { NO_COLOR: '1' }, '\ra␛[1mb␛[22m\n    c\u001b[KU+009B'],
    ['a dumb terminal', true, { TERM: 'dumb' }, '␍a␛[1mb␛[22m\n    c␛[KU+009B'],
    ['colour in a pipe', false, { FORCE_COLOR: '1' }, '␍a\u001b[1mb\u001b[22m\n    c␛[KU+009B'],
  ])('%s', (_, isTTY, environment, expected) => {
    const output = recorder(isTTY)
    guarded(output, environment).write('\ra\u001b[1mb\u001b[22m\n\tc\u001b[K\u009b')
    expect(output.written).toBe(expected)
  })

  test('nothing else passes, and a changed width shows', () => {
    const output = Object.assign(recorder(true), { columns: 80 })
    const guard = guarded(output, {})
    output.columns = 20
    expect(guard).toMatchObject({ isTTY: true, columns: 20 })
    guard.write(HOSTILE)
    expect(output.written.replace('\u001b[31m', '')).not.toMatch(RAW)
  })
})

describe('a stream of text', () => {
  const streamed = (isTTY: boolean, pieces: readonly string[]): string => {
    const output = recorder(isTTY)
    const stream = textStream(output, { NO_COLOR: '1' })
    for (const piece of pieces) stream.write(piece, 'bold')
    stream.end()
    return output.written
  }

  test('as it is to a file or a pipe', () => {
    expect(streamed(false, [HOSTILE, '\n'])).toBe(`${HOSTILE}\n`)
  })

  test('escaped to a terminal, joiners across pieces kept', () => {
    expect(streamed(true, [HOSTILE, '\n'])).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    expect(streamed(true, ['👩', '\u200d', '💻', ' a', '\u200d'])).toBe('👩‍💻 aU+200D')
    expect(streamed(true, ['می', '\u200c', 'خواهم'])).toBe('می‌خواهم')
    expect(streamed(true, ['a\u001b', ']0;x'])).toBe('a␛]0;x')
  })
})
