import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadTokenizer, type Tokenizer } from './index.js'
import { readFixture } from './testing/cases.js'
import { contentOf, referencePath } from './testing/reference-cases.js'

// What a user writes is text: no special token's id comes out of it unless the caller allows it.

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers')
const missing = !existsSync(folder)
if (missing) console.warn('Skipped: the reference of tokenizers; HEED_SHARED names the folder that has it.')

/** Texts that spell a token: alone, among others, with other spaces and cases, in wide letters, cut. */
function spellings(content: string): string[] {
  const wide = content.replace(/[!-~]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
  return [
    content,
    ` ${content} `,
    `a${content}b`,
    `${content}${content}`,
    `${content}\n${content}`,
    content.toUpperCase(),
    content.toLowerCase(),
    wide,
    `x ${wide} y`,
    content.replaceAll(' ', '▁'),
    ` ${content.replaceAll('▁', ' ')}`,
    [...content].join('\u00ad'),
    content.normalize('NFD'),
    content.slice(1) + content,
    content + content.slice(0, -1),
  ]
}

/** Texts of which a special token came. */
function specialsFound(tokenizer: Tokenizer): unknown[] {
  const problems: unknown[] = []
  const { addedTokens, model } = tokenizer.definition
  const special = addedTokens.filter((token) => token.special)
  const ids = new Set(special.map(({ id }) => id))
  // What is unknown is the unknown token, whatever the text.
  const settings = model as { readonly unk_token?: string | null; readonly unk_id?: number | null }
  if (typeof settings.unk_token === 'string') ids.delete(tokenizer.id(settings.unk_token)!)
  if (typeof settings.unk_id === 'number') ids.delete(settings.unk_id)
  for (const { content, id } of special.length > 300 ? special.slice(0, 300) : special) {
    for (const text of spellings(content)) {
      for (const input of [text, [text, 'and', text]]) {
        const found = tokenizer.encode(input, { addSpecial: false, truncation: null, padding: null })
        const bad = [...found.ids].filter((one) => ids.has(one))
        if (bad.length > 0) problems.push({ content, text, bad, tokens: found.tokens })
      }
    }
    const allowed = tokenizer.encode(content, {
      addSpecial: false,
      specials: 'allow',
      truncation: null,
      padding: null,
    })
    if (!allowed.ids.includes(id)) problems.push({ content, allowed: allowed.tokens })
  }
  return problems
}

describe('special tokens that are spelled in a text stay text', () => {
  it.each(['prefix-space', 'split-nfc-template'])('in the fixture %s', (name) => {
    const tokenizer = loadTokenizer(readFixture(name).tokenizer)
    expect(specialsFound(tokenizer)).toEqual([])
    const specials = tokenizer.definition.addedTokens.filter((token) => token.special)
    const ids = new Set(specials.map(({ id }) => id))
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...specials.map(({ content }) => content)), fc.string()), {
          maxLength: 8,
        }),
        (parts) => {
          const found = tokenizer.encode(parts.join(''), { addSpecial: false })
          expect([...found.ids].filter((id) => ids.has(id))).toEqual([])
        },
      ),
    )
  })

  describe.skipIf(missing).each(['made', 'real'])('in the reference %s', (kind) => {
    const names = missing ? [] : readdirSync(join(folder, kind)).filter((name) => !name.includes('.'))
    const files = names.map((name) => [name, referencePath(join(folder, kind), name)] as const)
    describe.each(files.length === 0 ? [['(no reference)', undefined] as const] : files)('%s', (_, path) => {
      it.skipIf(path === undefined)('none of them', () => {
        expect(specialsFound(loadTokenizer(contentOf(path!))).slice(0, 5)).toEqual([])
      })
    })
  })
})
