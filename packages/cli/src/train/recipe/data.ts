import { dirname, resolve } from 'node:path'
import type { DataPart, DataSource } from 'heed'
import { dataFormats, dataSourceNames, expandPath } from 'heed/internals'
import { ConfigError, type Section } from '../section.js'

/**
 * The data sources of a field: a path, an object, or a list of these. Paths become absolute, relative to the
 * configuration's folder; variables of the environment are put in.
 *
 * @throws {ConfigError} naming the field of what makes no sense
 */
export function sourcesOf(section: Section, name: string, file: string): readonly DataSource[] {
  const value = section.raw(name)
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > 0 && list.every((each) => typeof each === 'string'))
    return section.texts(name).map((path) => ({ path: pathIn(section, name, path, file) }))
  return section.sections(name, dataSourceNames).map((own) => sourceOf(own, file))
}

function sourceOf(own: Section, file: string): DataSource {
  const part = own.has('part') ? own.section('part', ['by', 'of', 'take']) : undefined
  return {
    path: pathIn(own, 'path', own.text('path'), file),
    ...(own.has('format') && { format: own.choice('format', dataFormats, 'text') }),
    ...(own.has('columns') && { columns: own.texts('columns') }),
    ...(own.has('quotes') && { quotes: own.flag('quotes', true) }),
    ...(own.has('fields') && { fields: own.plain('fields') as Record<string, string> }),
    ...(own.has('labels') && { labels: own.plain('labels') as Record<string, string | null> }),
    ...(part && { part: partOf(part) }),
    ...(own.has('limit') && { limit: own.integer('limit', { least: 1 }) }),
  }
}

function partOf(part: Section): DataPart {
  const of = part.integer('of', { least: 1, most: 2 ** 20 })
  const take = part.raw('take')
  if (!Array.isArray(take) || !take.every((each) => Number.isSafeInteger(each) && each >= 0 && each < of))
    throw part.error('take', `a list of numbers from 0 to ${of - 1}`, JSON.stringify(take) ?? 'nothing')
  return { by: part.text('by'), of, take: take as number[] }
}

/** A path in a field of a section: absolute, with variables of the environment put in. */
export function pathIn(section: Section, name: string, path: string, file: string): string {
  return located(path, file, (expected, found, hint) => section.error(name, expected, found, hint))
}

/** The same of a field by its whole name. */
export function pathOf(field: string, path: string, file: string): string {
  return located(path, file, (expected, found, hint) => {
    return new ConfigError({ expected: `${field} to be ${expected}`, found, hint, file, field })
  })
}

function located(
  path: string,
  file: string,
  refusal: (expected: string, found: string, hint: string) => ConfigError,
): string {
  try {
    return resolve(dirname(file), expandPath('train', path, process.env))
  } catch (error) {
    const { expected, found, hint } = error as { expected: string; found: string; hint: string }
    throw refusal(expected, found, hint)
  }
}
