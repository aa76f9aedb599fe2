import type { Section } from '../section.js'

/** What the model card says that nothing measures. */
export interface CardConfig {
  readonly title: string
  /** What the model does, in a sentence or two. */
  readonly summary: string
  /** What it was trained on, and whose that is. */
  readonly data: readonly CardData[]
  /** What it can't do. */
  readonly limits: readonly string[]
  /** Whose work it stands on: the model that it began with, its paper. */
  readonly sources: readonly string[]
  /** A line of the shell that uses it. */
  readonly example: string | undefined
}

/** A data set, as the card names it. */
export interface CardData {
  readonly name: string
  readonly licence: string
  /** What it was used for: `training`, `evaluation`. */
  readonly use: string
  readonly source: string | undefined
}

const names = ['title', 'summary', 'data', 'limits', 'sources', 'example'] as const

/** The field `card`. @throws {ConfigError} for what makes no sense */
export function cardOf(top: Section, file: string): CardConfig {
  if (!top.has('card'))
    return { title: file, summary: '', data: [], limits: [], sources: [], example: undefined }
  const own = top.section('card', names)
  const data = own.has('data') ? own.sections('data', ['name', 'licence', 'use', 'source']) : []
  return {
    title: own.text('title'),
    summary: own.text('summary'),
    data: data.map((each) => ({
      name: each.text('name'),
      licence: each.text('licence'),
      use: each.text('use', 'training'),
      source: each.has('source') ? each.text('source') : undefined,
    })),
    limits: own.texts('limits', []),
    sources: own.texts('sources', []),
    example: own.has('example') ? own.text('example') : undefined,
  }
}
