import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

// What the repository ships: weights, whose they are, and what carries them to users.

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = readdirSync(join(root, 'models')).filter((name) =>
  existsSync(join(root, 'models', name, 'package.json')),
)
const json = <T>(...path: readonly string[]): T => JSON.parse(readFileSync(join(root, ...path), 'utf8')) as T
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => !/node_modules/.test(file) && statSync(join(root, file)).isFile())

interface Package {
  readonly name: string
  readonly version: string
  readonly files: readonly string[]
}

interface Recipe {
  readonly publish: { readonly name: string; readonly to: string; readonly part?: boolean }
  readonly card: { readonly data: readonly CardData[] | CardData }
}
interface CardData {
  readonly name: string
  readonly licence: string
  readonly use?: string
}

const recipes = readdirSync(join(root, 'recipes'))
  .filter((name) => existsSync(join(root, 'recipes', name, 'train.json')))
  .map((name) => json<Partial<Recipe>>('recipes', name, 'train.json'))
  .filter((recipe): recipe is Recipe => recipe.publish !== undefined)

test('all weights together are less than 64 MB', () => {
  const weights = filesIn('models').filter((file) => /\.(safetensors|gguf|bin|npy)$/.test(file))
  expect(weights.length).toBeGreaterThan(1)
  expect(weights.reduce((sum, file) => sum + statSync(join(root, file)).size, 0)).toBeLessThan(64e6)
})

describe.each(packages)('models/%s', (folder) => {
  const { name, version, files } = json<Package>('models', folder, 'package.json')

  test('the command brings it along', () => {
    const { dependencies } = json<{ dependencies: Record<string, string> }>('packages/cli/package.json')
    expect(dependencies[name]).toBe(version)
  })

  test('all that is in its folder is packed', () => {
    const always = ['README.md', 'package.json']
    const left = filesIn(`models/${folder}`)
      .map((file) => relative(`models/${folder}`, file).replaceAll('\\', '/'))
      .filter((file) => !always.includes(file))
      .filter((file) => !files.some((packed) => file === packed || file.startsWith(`${packed}/`)))
    expect(left).toEqual([])
  })

  test('says whose the weights are', () => {
    const licences = readFileSync(join(root, 'models', folder, 'LICENSES.md'), 'utf8')
    for (const { publish, card } of recipes.filter(({ publish: to }) => to.name === name)) {
      const part = publish.part === true ? publish.to.split('/').at(-1)! : undefined
      // A part that its recipe has not made yet.
      if (part !== undefined && !existsSync(join(root, 'models', folder, part))) continue
      if (part !== undefined) expect(licences).toContain(`| ${part} |`)
      const data = [card.data].flat().filter(({ use }) => use !== 'evaluation')
      expect(data.length).toBeGreaterThan(0)
      for (const { name: set, licence } of data) {
        expect(licences).toContain(set.split(/[ ,:]/)[0]!)
        expect(licences).toContain(licence)
      }
    }
  })
})
