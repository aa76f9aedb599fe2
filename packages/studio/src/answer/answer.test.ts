import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { renderAnswers } from '../report.js'
import { SENTENCE, syntheticReport } from '../synthetic.js'
import { stringWidth } from '../terminal/text-width.js'
import { answerText } from './answer-text.js'
import { stretchesOf, type AnswerPart } from './parts.js'

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../build.mjs', import.meta.url))])
})

const plain = (parts: readonly AnswerPart[], columns = 60): string =>
  answerText(parts, { output: { write: () => true, columns }, environment: {} })
const text = 'Ada Lovelace worked in London.'
const marks = [
  { start: 0, end: 12, label: 'PER' },
  { start: 23, end: 29, label: 'LOC' },
]

describe('in the terminal', () => {
  test('marks, bars, weights and maps', () => {
    expect(plain([{ kind: 'text', name: 'text', text, marks }])).toBe(
      'text\n‹Ada Lovelace PER› worked in ‹London LOC›.\n',
    )
    expect(
      plain(
        [
          {
            kind: 'bars',
            rows: [
              { text: 'yes', score: 0.75 },
              { text: 'not so', score: 0.25 },
            ],
          },
        ],
        40,
      ),
    ).toBe('yes     0.750  ███████████████▊\nnot so  0.250  █████▎\n')
    const long = 'a document that is longer than a name would be'
    expect(plain([{ kind: 'bars', rows: [{ text: `${long}\n${long}`, score: -2 }] }], 50)).toBe(
      `-2.000${' '.repeat(14)}a document that is longer tha…\n`,
    )
    expect(plain([{ kind: 'weights', name: 'what', tokens: ['a', 'b'], weights: [0.25, 0.5] }])).toBe(
      'what\na   b\n25% 50%\n',
    )
    expect(
      plain([{ kind: 'map', name: 'met', rows: ['x'], columns: ['y', 'z'], weights: [[1, 0.04]] }]),
    ).toBe(
      `met\n${' '.repeat(20)}  0  1\n0 x${' '.repeat(17)} 1.  4\n\nkeys: 0 y  1 z\n\nmost in each row: x → y\n`,
    )
  })

  test('in colour a mark has its label behind it, and one colour a label', () => {
    const shown = answerText([{ kind: 'text', text, marks }], {
      output: { write: () => true, columns: 60 },
      environment: { FORCE_COLOR: '3' },
    })
    expect(shown).toBe(
      '\u001b[48;5;222;38;5;16mAda\u001b[0m\u001b[48;5;222;38;5;16m \u001b[0m\u001b[48;5;222;38;5;16mLovelace\u001b[0m\u001b[2m PER\u001b[22m ' +
        'worked in \u001b[48;5;157;38;5;16mLondon\u001b[0m\u001b[2m LOC\u001b[22m.\n',
    )
  })

  test('whatever the text and the width, no line is wider and nothing acts', () => {
    const parts = fc.record({
      text: fc.string({ unit: 'binary', maxLength: 300 }),
      start: fc.nat(300),
      length: fc.nat(40),
      columns: fc.integer({ min: 20, max: 90 }),
    })
    fc.assert(
      fc.property(parts, ({ text, start, length, columns }) => {
        const shown = plain(
          [
            { kind: 'text', text, marks: [{ start, end: start + length }] },
            {
              kind: 'bars',
              name: text,
              rows: [
                { text, score: 0.5 },
                { text: 'b', score: 12.5 },
              ],
            },
          ],
          columns,
        )
        for (const line of shown.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
        expect(shown.replace(/[\n\u200c\u200d]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u)
      }),
    )
  })
})

test('of a long text what is near its marks is shown', () => {
  const long = `${'x'.repeat(5000)}answer${'y'.repeat(5000)}`
  const stretches = stretchesOf(long, [{ start: 5000, end: 5006 }], 2000)
  expect(stretches.map((one) => one.text)).toEqual([`…${'x'.repeat(240)}`, 'answer', `${'y'.repeat(240)}…`])
  expect(stretchesOf(long, [], 100)[0]!.text).toBe(`${'x'.repeat(100)}…`)
  expect(stretchesOf('abc', [{ start: 2, end: 9 }])).toEqual([{ text: 'abc' }])
})

test('of many tokens those with the largest weights are shown, and the sum of what lies between', () => {
  const weights = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 0.02 : i === 1 ? 0.03 : 0))
  const tokens = weights.map((_, i) => `t${i}`)
  const shown = plain([{ kind: 'weights', name: 'what', tokens, weights }], 400)
  expect(shown).toContain('t0 t1 t2 … ')
  expect(shown.match(/…/g)!.length).toBeGreaterThan(40)
  expect(plain([{ kind: 'weights', name: 'what', tokens: ['a', 'b'], weights: [0, 1] }])).not.toContain('…')
})

const heat: AnswerPart = {
  kind: 'heat',
  name: 'patches',
  picture: { height: 4, width: 8, levels: new Uint8Array(96).fill(7) },
  rows: 2,
  columns: 4,
  patch: 2,
  words: [
    { text: 'a', weights: [1, 0, 0, 0, 0, 0, 0, 0.5] },
    { text: 'cat', weights: [0, 0, 0, 0, 0, 2, 0, 0] },
  ],
}

test('patches of each word, side by side where there is room', () => {
  const side = plain([heat])
  expect(side.split('\n').map((line) => line.trimEnd())).toEqual([
    'patches',
    'a         cat',
    '██······  ········',
    '······▓▓  ··██····',
    '',
  ])
  expect(plain([heat], 20).split('\n')).toHaveLength(5)
  const one = plain([{ ...heat, words: heat.kind === 'heat' ? heat.words.slice(0, 1) : [] }])
  expect(one).toContain('██······')
})

test('a picture is drawn on a terminal of 24-bit colour, and nowhere else', () => {
  const picture = { height: 4, width: 2, levels: Uint8Array.from({ length: 24 }, (_, i) => i) }
  const parts: AnswerPart[] = [
    { kind: 'picture', name: 'a name', picture },
    { kind: 'text', text: 'a caption' },
  ]
  expect(plain(parts)).toBe('a caption\n')
  const output = { write: () => true, columns: 60, isTTY: true }
  expect(answerText(parts, { output, environment: { TERM: 'xterm-256color' } })).toBe('a caption\n')
  const drawn = answerText(parts, { output, environment: { COLORTERM: 'truecolor' } })
  expect(drawn).toContain('\u001b[38;2;0;1;2;48;2;6;7;8m▀')
  expect(drawn.split('\n')).toHaveLength(6)
  expect(answerText(parts, { output: { ...output, isTTY: false }, environment: { FORCE_COLOR: '1' } })).toBe(
    'a caption\n',
  )
})

describe('on a page', () => {
  const report = syntheticReport({ seed: 1, words: SENTENCE, layers: 2, heads: 2, snapshots: 0 })
  const other = syntheticReport({ seed: 2, words: ['a', 'b'], layers: 1, heads: 1, snapshots: 0 })

  test('sections with what tasks gave, and the numbers of those that attended', () => {
    const html = renderAnswers('all', [
      { heading: 'entities', parts: [{ kind: 'text', text, marks }], report },
      { heading: 'labels', parts: [{ kind: 'bars', rows: [{ text: 'yes', score: 0.5 }] }] },
      {
        heading: 'map',
        parts: [{ kind: 'map', name: 'met', rows: ['x'], columns: ['y'], weights: [[1]] }],
        report: other,
      },
    ])
    expect(html).toContain(
      '<mark class="label0"><bdi>Ada Lovelace</bdi> <span class="label">PER</span></mark> worked in',
    )
    expect(html).toContain('<rect width="50.00" height="8"/>')
    expect(html).toMatch(/<section class="answer" data-section="1"><header><h2>map<\/h2>/)
    expect(html.match(/ id="(payload|frame)[^"]*"/g)).toEqual([
      ' id="payload"',
      ' id="frame-0"',
      ' id="payload-1"',
      ' id="frame-1-0"',
    ])
  })

  test('text of others stays text', () => {
    const attack = '</p><script>alert(1)</script>\u202e"\''
    const html = renderAnswers(attack, [
      {
        heading: attack,
        parts: [
          { kind: 'text', name: attack, text: attack, marks: [{ start: 0, end: 4, label: attack }] },
          { kind: 'bars', rows: [{ text: attack, score: 1 }] },
          { kind: 'weights', name: attack, tokens: [attack], weights: [1] },
          { kind: 'map', name: attack, rows: [attack], columns: [attack], weights: [[1]] },
          { ...heat, name: attack, words: [{ text: attack, weights: [1] }] } as AnswerPart,
          { kind: 'picture', name: attack, picture: { height: 1, width: 1, levels: new Uint8Array(3) } },
        ],
      },
    ])
    expect(html).not.toContain('<script>alert')
    expect(html).not.toContain('\u202e')
    expect(html.match(/<\/script>/g)).toHaveLength(1)
  })

  test('pictures stand in the page, and only pages with some may have them', () => {
    const html = renderAnswers('patches', [{ parts: [heat] }])
    expect(html).toContain('img-src data:;')
    expect(html).toMatch(/<image href="data:image\/png;base64,[\w+/=]+" width="8" height="4"\/>/)
    expect(html.match(/<rect x="6" y="2" width="2" height="2" fill-opacity="0.41">/g)).toHaveLength(1)
    expect(renderAnswers('text', [{ parts: [{ kind: 'text', text }] }])).not.toContain('img-src')
  })

  test('no section is refused', () => {
    expect(() => renderAnswers('none', [])).toThrow(/expected at least one section/)
  })
})
