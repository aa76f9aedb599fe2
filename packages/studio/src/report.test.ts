import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { UsageError } from 'heed'
import { beforeAll, describe, expect, it } from 'vitest'
import { renderReport } from './report.js'
import { SENTENCE, syntheticReport } from './synthetic.js'
import type { Report } from './types.js'

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../build.mjs', import.meta.url))])
})

const small = syntheticReport({ seed: 1, words: SENTENCE, layers: 2, heads: 2, snapshots: 2 })

/** The report with its first filter changed. */
function withFilter(change: (filter: number[][]) => number[][]): Report {
  const report = structuredClone(small) as Report & {
    attend: { layers: { heads: { filter: number[][] }[] }[] }
  }
  const head = report.attend.layers[0]!.heads[0]!
  head.filter = change(head.filter)
  return report
}

describe('renderReport', () => {
  it('is the same for the same report', () => {
    expect(renderReport(small)).toBe(renderReport(small))
  })

  it('allows its own script and style, and nothing else', () => {
    const html = renderReport(small)
    const policy = /content="(default-src [^"]*)"/.exec(html)![1]!
    expect(policy.startsWith("default-src 'none';")).toBe(true)
    const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    expect(policy).toContain(`script-src ${hash(/<script>([^]*?)<\/script>/.exec(html)![1]!)}`)
    expect(policy).toContain(`style-src ${hash(/<style>([^]*?)<\/style>/.exec(html)![1]!)}`)
    expect(html).not.toMatch(/\b(?:src|href)=/)
  })

  it('keeps hostile text out of the markup', () => {
    const attack = '</script><script>alert(1)</script>\u202e&"'
    const words = ['a', attack]
    const report = {
      ...syntheticReport({ seed: 1, words, layers: 1, heads: 1, snapshots: 0 }),
      title: attack,
    }
    const html = renderReport(report)
    expect(html).not.toContain('alert(1)</script>')
    expect(html).not.toContain('\u202e')
    expect(html.match(/<\/script>/g)).toHaveLength(3) // payload, frame, code
    const payload = JSON.parse(/id="payload">([^<]*)</.exec(html)![1]!) as { texts: { text: string }[][] }
    expect(payload.texts[0]![1]!.text).toBe(attack)
  })

  it.each<[string, () => Report, RegExp]>([
    [
      'no tokens',
      () => ({ ...small, attend: { ...small.attend, tokens: [] } }),
      /expected at least one token, found none/,
    ],
    [
      'no heads',
      () => ({ ...small, attend: { ...small.attend, layers: [] } }),
      /expected at least one attention head/,
    ],
    [
      'a missing row',
      () => withFilter((filter) => filter.slice(1)),
      /layer 0, head 0 of attend to have 17 rows/,
    ],
    [
      'a short row',
      () => withFilter((filter) => filter.map((row) => row.slice(1))),
      /row 0 .* to have 17 weights/,
    ],
    [
      'scores',
      () => withFilter((filter) => filter.map((row) => row.map(() => -3))),
      /weights between 0 and 1 .* found -3/,
    ],
    [
      'not a number',
      () => withFilter((filter) => filter.map((row) => row.map(() => NaN))),
      /found NaN at key 0/,
    ],
    [
      'logits as probabilities',
      () => ({ ...small, attend: { ...small.attend, next: [{ id: 4, text: 'a', probability: 7 }] } }),
      /between 0 and 1 for the next token 4, found 7/,
    ],
    [
      'a step that is no number',
      () => ({ ...small, training: { steps: [{ step: NaN, loss: 1 }], snapshots: [] } }),
      /step of loss 0, found NaN/,
    ],
    [
      'training that has come to no number',
      () => ({ ...small, training: { steps: [], snapshots: [], until: Infinity } }),
      /a number as the step of attend, found Infinity/,
    ],
    [
      'another model in a snapshot',
      () => ({ ...small, training: { steps: [], snapshots: [{ step: 5, layers: [] }] } }),
      /expected 2 layers in snapshot 0 \(step 5\), found 0/,
    ],
    [
      'too much',
      () => ({
        ...small,
        attend: { ...small.attend, tokens: Array.from({ length: 9000 }, () => small.attend.tokens[0]!) },
      }),
      /shorten the text/,
    ],
  ])('refuses %s', (_, report, message) => {
    expect(() => renderReport(report())).toThrow(UsageError)
    expect(() => renderReport(report())).toThrow(message)
  })
})
