/** Drawings of emoji with their names: three hands that drew the same things. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FormatError } from 'heed'
import { readJson } from 'heed/internals'
import { conceptsOf, plainCode } from './concepts.js'
import { npmFolder, npmPackages } from './packages.js'

/** A picture and what it shows. */
export interface PictureRecord {
  /** The path of the file. */
  readonly image: string
  readonly text: string
  /** All the names it has, `text` first. */
  readonly references: readonly string[]
  /** Single words that belong to it. */
  readonly tags: readonly string[]
  readonly concept: string
  /** Who drew it. */
  readonly style: string
}

/** What a drawing is called. */
interface Names {
  readonly label: string
  readonly references: readonly string[]
  readonly tags: readonly string[]
}

const hint = 'delete the folder of the package, and run again'

/**
 * Every drawing of the three styles that has a name. Skin tones are left out: only the plain one is taken.
 */
export function emojiRecords(cache: string): readonly PictureRecord[] {
  const folders = {
    google: npmFolder(cache, npmPackages.google),
    twitter: npmFolder(cache, npmPackages.twitter),
    fluent: npmFolder(cache, npmPackages.fluent),
  }
  const names = namesIn(join(npmFolder(cache, npmPackages.names), 'en/data.json'))
  const drawn = {
    google: drawings(folders.google, 'google'),
    twitter: drawings(folders.twitter, 'twitter'),
  }
  for (const [code, { name }] of drawn.google) {
    const known = names.get(code)
    if (known === undefined || name === undefined || known.references.includes(name)) continue
    names.set(code, { ...known, references: [...known.references, name] })
  }
  const all = [...names].map(([code, { label }]) => ({ code, label }))
  const concepts = conceptsOf(all)
  const record = (style: string, code: string, image: string): readonly PictureRecord[] => {
    const known = names.get(code)
    if (known === undefined) return []
    const { label: text, references, tags } = known
    return [{ image, text, references, tags, concept: concepts.get(code)!, style }]
  }
  const assets = readdirSync(join(folders.fluent, 'assets')).sort()
  const fluent = new Map(assets.map((file) => [plainCode(file.replace(/\.webp$/, '')), file]))
  return [
    ...[...drawn.google].flatMap(([code, { image }]) => record('google', code, image)),
    ...[...drawn.twitter].flatMap(([code, { image }]) => record('twitter', code, image)),
    ...[...fluent].flatMap(([code, file]) => record('fluent', code, join(folders.fluent, 'assets', file))),
  ]
}

/** Labels and tags by plain code: of pictures that stand alone, which have a group. */
function namesIn(file: string): Map<string, Names> {
  const names = new Map<string, Names>()
  for (const entry of jsonIn(file).items()) {
    if (entry.member('group').isNull) continue
    const label = spoken(entry.member('label').string())
    const tags = entry.member('tags')
    names.set(plainCode(entry.member('hexcode').string()), {
      label,
      references: [label],
      tags: tags.isNull ? [] : tags.items().map((tag) => tag.string()),
    })
  }
  return names
}

/** The drawings of a style, by plain code. */
function drawings(
  folder: string,
  style: 'google' | 'twitter',
): ReadonlyMap<string, { readonly image: string; readonly name: string | undefined }> {
  const found = new Map<string, { image: string; name: string | undefined }>()
  for (const entry of jsonIn(join(folder, 'emoji.json')).items()) {
    if (!entry.member(`has_img_${style}`).boolean(false)) continue
    const name = entry.member('name')
    found.set(plainCode(entry.member('unified').string()), {
      image: join(folder, 'img', style, '64', entry.member('image').string()),
      name: name.isNull ? undefined : spoken(name.string().toLowerCase()),
    })
  }
  return found
}

function jsonIn(file: string): ReturnType<typeof readJson> {
  const options = { operation: 'pictures data', file, hint, length: 2 ** 26, values: 2 ** 22 }
  const json = readJson(readFileSync(file), options)
  if (json.items().length > 0) return json
  throw new FormatError({ operation: 'pictures data', expected: 'emoji', found: 'none', hint, file })
}

/** A name as one says it: without quotation marks, and a colon as a comma. */
function spoken(name: string): string {
  return name
    .replace(/[“”"]/g, '')
    .replace(/^flag: /, 'flag of ')
    .replace(/: /g, ', ')
    .trim()
}
