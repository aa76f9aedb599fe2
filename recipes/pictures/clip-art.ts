/** Public-domain drawings of Debian's openclipart, with the titles and keywords of their SVG files. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { splitOf } from './concepts.js'
import type { PictureRecord } from './emoji.js'
import { debianFolder } from './packages.js'

/** In bytes: larger drawings are charts and maps. */
const largestPicture = 2 ** 20
const largestDrawing = 2 ** 22

/**
 * Drawings whose title is a few words. One that is called as an emoji is has its concept, and so has one
 * whose title has a word that only concepts have that are held out.
 */
export function clipArtRecords(cache: string, emoji: readonly PictureRecord[]): readonly PictureRecord[] {
  const pictures = below(debianFolder(cache, 'openclipart-png'), '.png')
  const drawings = new Map(
    [...below(debianFolder(cache, 'openclipart-svg'), '.svg')].map(([name, path]) => [name, path]),
  )
  const heldOut = heldOutWords(emoji)
  const named = new Map(
    emoji.flatMap(({ references, concept }) =>
      references.map((name) => [name.split(' ').map(stem).join(' '), concept] as const),
    ),
  )
  const records: PictureRecord[] = []
  for (const [name, image] of pictures) {
    const drawing = drawings.get(name)
    if (drawing === undefined || statSync(image).size > largestPicture) continue
    if (statSync(drawing).size > largestDrawing) continue
    const { title, tags } = metadata(readFileSync(drawing, 'utf8'))
    const text = title
      .replace(/[_-]+/g, ' ')
      .replace(/\b\d+\b/g, '')
      .replace(/\s+/g, ' ')
      .trim()
      .toLowerCase()
    if (!/^[a-z][a-z' ]{2,}$/.test(text) || text.split(' ').length > 6) continue
    const words = text.split(' ').map(stem)
    const concept =
      named.get(words.join(' ')) ?? words.map((word) => heldOut.get(word)).find((one) => one !== undefined)
    records.push({
      image,
      text,
      references: [text],
      tags,
      concept: concept ?? `drawing of ${words.toSorted().join(' ')}`,
      style: 'clip art',
    })
  }
  return records
}

/** Words that stand only in names of concepts that are held out, with one of these concepts. */
function heldOutWords(emoji: readonly PictureRecord[]): ReadonlyMap<string, string> {
  const seen = new Set<string>()
  const held = new Map<string, string>()
  for (const { references, concept } of emoji)
    for (const word of references.flatMap((name) => name.split(/[^a-z']+/)).map(stem)) {
      if (word.length < 3) continue
      if (splitOf(concept) === 'train') seen.add(word)
      else held.set(word, concept)
    }
  for (const word of seen) held.delete(word)
  return held
}

function stem(word: string): string {
  return word.length > 3 ? word.replace(/(?<=s|x|ch|sh)es$|(?<!s)s$/, '') : word
}

/** Title and keywords in Dublin Core's terms, as far as plain text has them. */
export function metadata(svg: string): { readonly title: string; readonly tags: readonly string[] } {
  const text = (pattern: RegExp, of: string): string => pattern.exec(of)?.[1] ?? ''
  const plain = (xml: string): string =>
    xml
      .replace(/<[^>]*>/g, ' ')
      .replace(/&(amp|lt|gt|quot|apos|#\d{1,6});/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
  const title = plain(text(/<dc:title[^>]*>([^<]{0,200})<\/dc:title>/, svg))
  const subject = text(/<dc:subject>([^]{0,4000}?)<\/dc:subject>/, svg)
  const tags = [...subject.matchAll(/<rdf:li[^>]*>([^<]{1,60})<\/rdf:li>/g)].map(([, tag]) => plain(tag!))
  return { title, tags: tags.filter((tag) => tag !== '') }
}

/** Files below a folder, by their path in it without the ending. */
function below(folder: string, ending: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort())
    if (path.endsWith(ending)) {
      const inside = path.replace(/^.*\/openclipart\/(png|svg)\//, '').slice(0, -ending.length)
      found.set(inside, join(folder, path))
    }
  return found
}
