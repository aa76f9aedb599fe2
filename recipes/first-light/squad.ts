/** Wikipedia paragraphs, from the articles that SQuAD 1.1's training set asks about. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { cleanLine } from './clean.js'
import type { Draft } from './document.js'

/** Wikipedia's editorial notes: [citation needed], [when?], [note 3], [a], [12]. An author's own [...] or [the] stays. */
const editorial =
  /\s?\[(?:[^[\]]*(?:needed|update|\?|dubious|discuss|vague|clarif|verif|disput|source|specify|according to|original research|sic\b|contradict|weasel|incomplete|quantify|in citation given|dated info)[^[\]]*|(?:note|notes|nb|n|fn) ?\d+|[a-zA-Z]|\d+|›|[A-Z]{1,3}[ -]?\d+)\]/giu

/** One paragraph of an article, cleaned. */
export function cleanArticleParagraph(text: string): string {
  return cleanLine(
    text
      .replace(editorial, '')
      // The page of a reference, as in "a fear of hell.:115-116 Others", and what stood for a recording of the word.
      .replace(/(?<=[\p{L}.,"')\]]):\d{1,3}(?:[–-]\d{1,3})?(?:, \d{1,3}(?:[–-]\d{1,3})?)*(?= \p{Lu}| *$)/gu, '')
      .replace(/\((?:listen|help·info)\)/g, '')
      .replace(/\(i\/(?=\S+\/)/g, '(/')
      .replace(/,\.(?= \p{Lu})/gu, '.')
      .replace(/ ?\( *[;,]* *\)/g, '')
      .replace(/\( *[;,] */g, '(')
      .replace(/(?<=\p{Ll}{3})\.(?=\p{Lu}\p{Ll})/gu, '. '),
  )
}

type Article = { readonly title: string; readonly paragraphs: readonly { readonly context: string }[] }

function isArticle(value: unknown): value is Article {
  if (typeof value !== 'object' || value === null) return false
  const { title, paragraphs } = value as Record<string, unknown>
  return (
    typeof title === 'string' &&
    Array.isArray(paragraphs) &&
    paragraphs.every((paragraph: unknown) => typeof (paragraph as { context?: unknown } | null)?.context === 'string')
  )
}

/** The title as a reader would write it: percent codes decoded, underscores as spaces. */
export function articleTitle(title: string): string {
  let decoded = title
  try {
    decoded = decodeURIComponent(title)
  } catch {
    // A title with a lone percent sign is already plain.
  }
  return cleanLine(decoded.replace(/_/g, ' '))
}

/**
 * One document an article: its title, then its paragraphs.
 *
 * @param bytes JSON lines, gzipped: `{title, paragraphs: [{context}]}` a line.
 * @throws Error naming the line that is not an article.
 */
export function squadDrafts(bytes: Uint8Array): Draft[] {
  const lines = gunzipSync(bytes, { maxOutputLength: 1 << 30 }).toString('utf8').split('\n')
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return []
    const article: unknown = JSON.parse(line)
    if (!isArticle(article)) {
      throw new Error(`SQuAD, line ${index + 1}: expected {title, paragraphs: [{context}]}, found ${line.slice(0, 60)}`)
    }
    const title = articleTitle(article.title)
    const paragraphs = article.paragraphs
      .map((paragraph) => ({ text: cleanArticleParagraph(paragraph.context) }))
      .filter((paragraph) => paragraph.text !== '')
    if (paragraphs.length === 0) return []
    return [
      {
        source: 'squad' as const,
        document: article.title,
        family: article.title,
        separator: '\n\n' as const,
        sections: [{ heading: title, paragraphs }],
      },
    ]
  })
}

export function readSquad(file: string): Uint8Array {
  return readFileSync(file)
}
