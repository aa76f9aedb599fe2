import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError, HeedError, UsageError } from '../../base/index.js'
import { type ChatMessage, ChatTemplate } from './index.js'

/** What `conversations.py` wrote. */
const recorded = JSON.parse(
  readFileSync(new URL('fixtures/conversations.json', import.meta.url), 'utf8'),
) as {
  readonly templates: Readonly<Record<string, string>>
  readonly conversations: readonly (readonly ChatMessage[])[]
  readonly tools: readonly unknown[]
  readonly specials: Readonly<Record<string, string>>
  readonly cases: readonly {
    readonly template: string
    readonly conversation: number
    readonly generate: boolean
    readonly tools: boolean
    readonly variables: Readonly<Record<string, unknown>>
    readonly text: string | null
  }[]
}
const hello: readonly ChatMessage[] = [{ role: 'user', content: 'Hello' }]

test.each(Object.keys(recorded.templates))('as transformers writes it: %s', (name) => {
  const template = new ChatTemplate(recorded.templates[name]!)
  const own = recorded.cases.filter((one) => one.template === name)
  expect(own.length).toBe(20)
  for (const { conversation, generate, tools, variables, text } of own) {
    const write = (): string =>
      template.apply(recorded.conversations[conversation]!, {
        addGenerationPrompt: generate,
        specials: recorded.specials,
        variables,
        ...(tools && { tools: recorded.tools }),
      })
    if (text === null) expect(write, String(conversation)).toThrow(HeedError)
    else expect(write(), String(conversation)).toBe(text)
  }
})

describe('what is no template that heed reads', () => {
  test.each([
    ['{% for x in messages %}', 'endfor'],
    ['{% if true %}a{% endfor %}', "'endfor'"],
    ['{% import "os" %}', "'import'"],
    ['{{ 1 + }}', 'an expression'],
    ['{{ "open }}', 'end of a string'],
    ['{{ (1 2) }}', "','"],
    ['{# open', 'end of a comment'],
    ['{{ a', 'end of a tag'],
    ['{{ ? }}', "'?'"],
    ['{{ ' + '('.repeat(500) + '1' + ')'.repeat(500) + ' }}', 'within each other'],
    ['{% if 1 %}'.repeat(500), 'within each other'],
    ['a'.repeat(2 ** 20 + 1), 'at most'],
  ])('%#', (source, named) => {
    const made = (): unknown => new ChatTemplate(source)
    expect(made).toThrow(FormatError)
    expect(made).toThrow(named)
  })

  test.each([
    ['{{ messages | shell }}', "'shell'"],
    ['{{ 1 is magic }}', "'magic'"],
    ['{{ nothing() }}', 'a function'],
    ['{{ nothing.more }}', "'more'"],
    ['{{ 1 + "a" }}', 'a number'],
    ['{{ 1 // 0 }}', 'a divisor'],
    ['{% set messages.x = 1 %}', 'a namespace'],
    ['{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}', 'deep'],
    ['{% for a in range(60000) %}{% for b in range(60000) %}{% endfor %}{% endfor %}', 'steps'],
    [
      '{% set ns = namespace(t="aaaaaaaa") %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}',
      'at most',
    ],
    [
      '{% set ns = namespace(t=[1,2,3]) %}{% for i in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}',
      'at most',
    ],
    ['{{ range(1000000000) }}', 'a range'],
    [`{{ ('a' * 1) }}`, 'a number'],
    [
      `{% set t = 'b' | replace('b', '${'c'.repeat(9000)}') | replace('c', '${'d'.repeat(9000)}') %}`,
      'characters',
    ],
    [`{{ range(60000) | join('${'c'.repeat(9000)}') }}`, 'characters'],
    [
      '{% set ns = namespace(t=1) %}{% for i in range(60) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}',
      'parts',
    ],
    [
      '{% set ns = namespace(t=1) %}{% for i in range(60) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t == ns.t }}',
      'parts',
    ],
    [
      '{% set ns = namespace(t=1) %}{% for i in range(60) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t | tojson }}',
      'parts',
    ],
  ])('%#', (source, named) => {
    const write = (): string => new ChatTemplate(source).apply(hello)
    expect(write).toThrow(HeedError)
    expect(write).toThrow(named)
  })
})

test('nothing of JavaScript is reached', () => {
  for (const name of ['constructor', '__proto__', 'toString', '__class__', 'hasOwnProperty']) {
    const template = new ChatTemplate(
      `{{ messages.${name} is defined }}{{ messages[0].${name} is defined }}{{ 'a'.${name} is defined }}` +
        `{{ messages[0]['${name}'] is defined }}{{ ${name} is defined }}`,
    )
    expect(template.apply(hello)).toBe('FalseFalseFalseFalseFalse')
    expect(() => new ChatTemplate(`{{ 1 | ${name} }}`).apply(hello)).toThrow(FormatError)
    expect(() => new ChatTemplate(`{{ 1 is ${name} }}`).apply(hello)).toThrow(FormatError)
  }
})

test('what a template refuses, and what are no messages', () => {
  const template = new ChatTemplate("{{ raise_exception('No users here') }}")
  expect(() => template.apply(hello)).toThrow(UsageError)
  expect(() => template.apply(hello)).toThrow('No users here')
  for (const wrong of ['Hello', [1], [{ content: 'a' }], null])
    expect(() => template.apply(wrong as never)).toThrow(UsageError)
})

test('what is no text is no template', () => {
  for (const wrong of [5, undefined, null, {}])
    expect(() => new ChatTemplate(wrong as never)).toThrow(UsageError)
})

test('the date is the one that is given', () => {
  const template = new ChatTemplate("{{ strftime_now('%d %b %Y %H:%M %%') }}")
  expect(template.apply(hello, { date: new Date(2024, 6, 4, 9, 5) })).toBe('04 Jul 2024 09:05 %')
})

test('any text in a message comes out as it is', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (content) => {
      const template = new ChatTemplate('{% for m in messages %}{{ m.content }}{% endfor %}')
      expect(template.apply([{ role: 'user', content }])).toBe(content)
    }),
  ))

test('any source is a template, or refused by a typed error', () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.constantFrom(
            '{{',
            '}}',
            '{%',
            '%}',
            '{#',
            '#}',
            '-',
            'for',
            'in',
            'if',
            'endif',
            'endfor',
            'set',
          ),
          fc.constantFrom(
            ' ',
            'messages',
            '[',
            ']',
            '(',
            ')',
            '|',
            '.',
            '0',
            "'a'",
            '=',
            ',',
            ':',
            'not',
            '~',
          ),
        ),
        { maxLength: 25 },
      ),
      (parts) => {
        try {
          new ChatTemplate(parts.join('')).apply(hello)
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      },
    ),
    { numRuns: 500 },
  ))
