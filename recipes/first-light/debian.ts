/** Debian's package descriptions as prose. Format: Debian Policy, section 5.6.13 (Description). */
import { cleanLine, proseShare } from './clean.js'
import type { Draft, Paragraph, Section } from './document.js'

/** One stanza of a control file: field name in lower case → value, continuation lines joined by newlines. */
export type Stanza = ReadonlyMap<string, string>

export function* parseStanzas(text: string): Generator<Stanza> {
  let fields = new Map<string, string>()
  let name = ''
  for (let at = 0; at < text.length;) {
    let end = text.indexOf('\n', at)
    if (end < 0) end = text.length
    const line = text.slice(at, end)
    at = end + 1
    if (line === '') {
      if (fields.size > 0) yield fields
      fields = new Map()
      name = ''
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (name !== '') fields.set(name, `${fields.get(name) ?? ''}\n${line}`)
    } else {
      const colon = line.indexOf(':')
      name = colon < 0 ? '' : line.slice(0, colon).toLowerCase()
      if (name !== '') fields.set(name, line.slice(colon + 1).trim())
    }
  }
  if (fields.size > 0) yield fields
}

/** Binary package → source package, from an archive's Packages index. */
export function sourcePackages(packages: string): Map<string, string> {
  const sourceOf = new Map<string, string>()
  for (const stanza of parseStanzas(packages)) {
    const name = stanza.get('package')
    if (name === undefined) continue
    sourceOf.set(name, (stanza.get('source') ?? name).replace(/ \(.*\)$/, ''))
  }
  return sourceOf
}

/**
 * What versions and cross-builds of one program share: gcc-11, gcc-12-cross and gcc-12 are `gcc`, boost1.74
 * is `boost`.
 */
export function packageFamily(source: string): string {
  const family = source
    .replace(/-(?:cross|ports|mipsen|defaults|non-free|signed-[a-z0-9]+)(?=-|$)/g, '')
    .replace(/[-.]?\d[\d.]*(?=-|$)/g, '')
  return family === '' ? source : family
}

const bullet = /^( *)(?:[*•·°»‣◦+-]|--|\\\*|\ufffc\*|o(?= {1,3}\S))\s+(?=\S)/u
const numbered = /^ *(?:\d{1,2}|[a-z])[.)]\s+(?=\S)/

/** Markdown and LaTeX habits that some descriptions have. */
function withoutMarkup(text: string): string {
  return text
    .replace(/\[([^\]]+)\]\((?:https?:)?[^)]*\)/g, '$1')
    .replace(/\*\*([^*]+)\*\*/g, '$1')
    .replace(/``([^`']+)(?:''|``)/g, '"$1"')
    .replace(/`([^`']+)[`']/g, "'$1'")
    .replace(/``|''/g, '"')
    .replace(/`/g, "'")
    .replace(/ -- /g, ' - ')
    .replace(/ ?[(<](?:see )?(?:https?|ftp):\/\/[^\s()<>]+[)>]/g, '')
    .replace(/\\([*_#-])/g, '$1')
}

/** False for lines that are mostly an address, or a table, formula or piece of code. */
function isProse(line: string): boolean {
  const addresses = line.match(/\b(?:https?|ftp):\/\/\S+|\bwww\.\S+/g)?.join('').length ?? 0
  return (
    addresses * 10 < line.length * 3 &&
    proseShare(line) > 0.85 &&
    !/^(?:Homepage|URL|Website)\s*:/i.test(line)
  )
}

/**
 * The lines of one paragraph of a description: wrapped ones joined, each item of a list on a line of its own
 * after `- `.
 *
 * @param lines without the one space that every line of a description starts with.
 */
export function unwrapped(lines: readonly string[]): string[] {
  const out: string[] = []
  /**
   * What a following line may continue: running text, a list's item set in by so many columns, or nothing.
   */
  let open: 'text' | { readonly indent: number } | undefined
  for (const [index, raw] of lines.entries()) {
    const width = lines[index - 1]?.length ?? 0
    const line = raw.replace(/\s+$/, '').replace(/\t/g, '        ')
    const indent = line.length - line.trimStart().length
    const item = bullet.exec(line) ?? numbered.exec(line)
    if (item !== null && (indent > 0 || !/^\d|^o\s+(?![\p{Lu}(])/u.test(line))) {
      out.push(bullet.test(line) ? `- ${line.slice(item[0].length)}` : line.trim())
      open = { indent }
    } else if (indent === 0 && (open === 'text' || (typeof open === 'object' && open.indent === 0))) {
      out.push(`${out.pop() ?? ''} ${line}`)
    } else if (indent === 0) {
      out.push(line)
      open = 'text'
    } else if (typeof open === 'object' && indent > open.indent) {
      out.push(`${out.pop() ?? ''} ${line.trim()}`)
    } else if (
      typeof open === 'object' &&
      indent === open.indent &&
      (/^\p{Ll}/u.test(line.trim()) || (out.at(-1)?.startsWith('- ') && width > 64))
    ) {
      out.push(`${out.pop() ?? ''} ${line.trim()}`)
    } else {
      out.push(line.trim())
      open = { indent }
    }
  }
  return out
}

/** One paragraph of a description, unwrapped and cleaned. Empty if nothing of it reads as prose. */
export function cleanPackageParagraph(lines: readonly string[]): string {
  return unwrapped(lines)
    .map((line) => cleanLine(withoutMarkup(line)))
    .filter((line) => line !== '' && isProse(line))
    .join('\n')
}

/** The lines of each paragraph of a long description; a line of one full stop separates them. */
export function paragraphLines(body: string): string[][] {
  const paragraphs: string[][] = [[]]
  for (const line of body.split('\n')) {
    if (/^\s*\.?\s*$/.test(line)) paragraphs.push([])
    else paragraphs.at(-1)?.push(line.slice(1))
  }
  return paragraphs
}

/** The paragraphs of a long description that read as prose. */
export function packageParagraphs(body: string): Paragraph[] {
  const out: string[] = []
  for (const lines of paragraphLines(body)) {
    const text = cleanPackageParagraph(lines)
    if (text === '') continue
    const last = out.at(-1)
    // A list goes with the paragraph that announces it.
    if (
      last !== undefined &&
      text.startsWith('- ') &&
      (last.endsWith(':') || last.split('\n').at(-1)?.startsWith('- '))
    ) {
      out[out.length - 1] = `${last}\n${text}`
    } else {
      out.push(text)
    }
  }
  return out
    .filter((text) => !text.endsWith(':') && /\p{L}{2,}\s+\S*\p{L}{2,}/u.test(text))
    .map((text) => ({ text }))
}

/** `Transitional` packages and the like describe no program. */
const empty = /\b(?:transitional|dummy|obsolete|placeholder)\b/i

/** Name and synopsis over the description; undefined for a package that has nothing to say. */
export function packageSection(name: string, description: string): Section | undefined {
  const newline = description.indexOf('\n')
  if (newline < 0) return undefined
  const synopsis = cleanLine(withoutMarkup(description.slice(0, newline)))
  if (synopsis === '' || empty.test(synopsis)) return undefined
  const paragraphs = packageParagraphs(description.slice(newline + 1)).filter(
    (paragraph) => !/\btransitional\b.{0,40}\bpackage\b|\bdummy package\b/i.test(paragraph.text),
  )
  return paragraphs.length > 0 ? { heading: `${name}: ${synopsis}`, paragraphs } : undefined
}

/**
 * One document a source package: the sections of its binary packages, the one that bears its name first.
 *
 * @param translations text of a Translation-en index.
 * @param packages text of a Packages index of the same release.
 */
export function debianDrafts(translations: string, packages: string): Draft[] {
  const sourceOf = sourcePackages(packages)
  const documents = new Map<string, Map<string, Section>>()
  for (const stanza of parseStanzas(translations)) {
    const name = stanza.get('package')
    const description = stanza.get('description-en')
    if (name === undefined || description === undefined) continue
    const source = sourceOf.get(name)
    // Packages of other architectures are in the translations but not in this index.
    if (source === undefined) continue
    const section = packageSection(name, description)
    if (section === undefined) continue
    const sections = documents.get(source) ?? new Map<string, Section>()
    if (!sections.has(name)) sections.set(name, section)
    documents.set(source, sections)
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  return [...documents]
    .sort(([a], [b]) => order(a, b))
    .map(([source, sections]) => ({
      source: 'debian' as const,
      document: source,
      family: packageFamily(source),
      separator: '\n\n' as const,
      sections: [...sections]
        .sort(([a], [b]) => Number(b === source) - Number(a === source) || order(a, b))
        .map(([, section]) => section),
    }))
}
