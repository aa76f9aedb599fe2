/** Wikipedia paragraphs, from the articles that SQuAD 1.1's training set asks about. */
import { gunzipSync } from 'node:zlib'
import { FormatError } from 'heed'
import { cleanLine } from './clean.js'
import type { Draft } from './document.js'

/**
 * Wikipedia's editorial notes: [citation needed], [when?], [note 3], [a], [12]. An author's own [...] or
 * [the] stays.
 */
const editorial =
  /\s?\[(?:[^[\]]*(?:needed|update|\?|dubious|discuss|vague|clarif|verif|disput|source|specify|according to|original research|sic\b|contradict|weasel|incomplete|quantify|in citation given|dated info)[^[\]]*|(?:note|notes|nb|n|fn) ?\d+|[a-zA-Z]|\d+|›|[A-Z]{1,3}[ -]?\d+)\]/giu

/** One paragraph of an article, cleaned. */
export function cleanArticleParagraph(text: string): string {
  return cleanLine(
    text
      .replace(editorial, '')
      // The page of a reference, as in "a fear of hell.:115-116 Others", and what stood for a recording of
      // the word.
      .replace(
        /(?<=[\p{L}.,"')\]]):\d{1,3}(?:[–-]\d{1,3})?(?:, \d{1,3}(?:[–-]\d{1,3})?)*(?= \p{Lu}| *$)/gu,
        '',
      )
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
    paragraphs.every(
      (paragraph: unknown) => typeof (paragraph as { context?: unknown } | null)?.context === 'string',
    )
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

function notArticles(found: string, cause?: unknown): FormatError {
  return new FormatError({
    operation: 'squadDrafts',
    expected: 'gzipped lines of {"title", "paragraphs": [{"context"}]} as JSON',
    found,
    hint: "give SQuAD 1.1's training set in this form",
    cause,
  })
}

function parseArticle(line: string, number: number): Article {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw notArticles(`${JSON.stringify(line.slice(0, 60))} on line ${number}`, cause)
  }
  if (!isArticle(value)) throw notArticles(`${JSON.stringify(line.slice(0, 60))} on line ${number}`)
  return value
}

function unzip(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes, { maxOutputLength: 1 << 29 }).toString('utf8')
  } catch (cause) {
    throw notArticles(
      `${bytes.length} bytes that do not unpack (${cause instanceof Error ? cause.message : ''})`,
      cause,
    )
  }
}

/**
 * One document an article: its title, then its paragraphs.
 *
 * @param bytes JSON lines, gzipped: `{title, paragraphs: [{context}]}` a line, at most 512 MiB of them.
 * @throws FormatError naming the line that is not an article.
 */
export function squadDrafts(bytes: Uint8Array): Draft[] {
  return unzip(bytes)
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      const article = parseArticle(line, index + 1)
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
          sections: [{ heading: articleTitle(article.title), paragraphs }],
        },
      ]
    })
}
