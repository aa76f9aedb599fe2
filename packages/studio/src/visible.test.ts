import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visible, visibleText } from './visible.js'

describe('visible', () => {
  it('shows what can not be seen', () => {
    expect(visibleText(' cat')).toBe('␣cat')
    expect(visibleText('\r\n\t')).toBe('␍↵⇥')
    expect(visibleText('')).toBe('∅')
    expect(visibleText('\u0000')).toBe('␀')
    expect(visibleText('a\u202eb')).toBe('aU+202Eb')
    expect(visibleText('\u200b')).toBe('U+200B')
    expect(visibleText('\ud800')).toBe('U+D800')
    expect(visibleText('\u0301')).toBe('◌\u0301')
  })

  it('leaves what can be seen', () => {
    expect(visible('naïve')).toEqual([{ text: 'naïve', mark: false }])
    expect(visible('👩‍💻')).toEqual([{ text: '👩‍💻', mark: false }])
    expect(visible('שלום')).toEqual([{ text: 'שלום', mark: false }])
  })

  it('never shows nothing, nor a control, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = visibleText(text)
        expect(shown.length).toBeGreaterThan(0)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cs}\p{Z}\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/u)
      }),
    )
  })

  it('cuts to a length', () => {
    expect(visibleText('abcdef', 4)).toBe('abc…')
    expect(visibleText('abcd', 4)).toBe('abcd')
  })
})
