import fc from 'fast-check'
import { expect, test } from 'vitest'
import { filled } from './markdown.js'

test('paragraphs keep their words in lines of at most 110 columns', () => {
  const word = fc.stringMatching(/^[a-z.,`]{1,20}$/).filter((text) => !text.startsWith('```'))
  const blocks = fc.array(fc.array(word, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(blocks, (all) => {
      const text = all.map((words) => words.join(' ')).join('\n\n')
      const lines = filled(text).split('\n')
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(110)
      expect(lines.join(' ').split(/\s+/)).toEqual(text.split(/\s+/))
    }),
  )
})

test('an item of a list hangs, and tables, code and headings stay as they are', () => {
  const long = 'word '.repeat(40).trim()
  expect(filled(`- ${long}`)).toMatch(/^- word[^\n]*\n {2}word[^\n]*$/)
  for (const kept of [`| ${long} |`, `\`\`\`sh\n${long}\n\`\`\``, `# ${long}`])
    expect(filled(kept)).toBe(kept)
})
