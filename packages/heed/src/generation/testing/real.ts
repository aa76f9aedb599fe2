import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors } from '../../formats/index.js'
import { loadDecoder } from '../../models/index.js'
import { dispose } from '../../tensor/index.js'
import { scoreOf, writable, type Writable, write } from '../index.js'

/** What a real model wrote greedily, as cases.json has it. */
interface RealCase {
  readonly weights?: { readonly folder: string; readonly file?: string }
  readonly continuations?: readonly {
    readonly ids: readonly number[]
    readonly continuation_ids: readonly number[]
  }[]
  readonly tolerance?: { readonly negative_log_likelihood: number }
  /** Of stories260k: one text from its first id on. */
  readonly ids?: readonly number[]
}

const shared = process.env['HEED_SHARED']
const weights = process.env['HEED_REFERENCE_WEIGHTS']

/** A model's cases, its weights and the folder of what is expected. */
interface Real {
  readonly reference: RealCase
  readonly path: string
  readonly folder: string
}

/** The cases of a model; or the reason why they, or its weights, aren't there. */
export function realCase(name: string): Real | string {
  const folder = join(shared ?? '', 'reference/real', name)
  const file = join(folder, 'cases.json')
  if (shared === undefined || !existsSync(file)) return 'HEED_SHARED names no folder with reference/real'
  const reference = JSON.parse(readFileSync(file, 'utf8')) as RealCase
  if (reference.weights === undefined) return { reference, path: folder, folder }
  const stored = join(weights ?? '', reference.weights.folder)
  if (weights === undefined || !existsSync(stored))
    return `HEED_REFERENCE_WEIGHTS names no folder with ${reference.weights.folder}`
  const gguf = readdirSync(stored).find((entry) => entry.endsWith('.gguf'))
  return { reference, path: join(stored, gguf ?? ''), folder }
}

/** For a title: the reason why it is skipped. */
export function whyNot(real: Real | string): string {
  return typeof real === 'string' ? `: ${real}` : ''
}

async function withModel<T>({ path }: Real, use: (model: Writable) => Promise<T>): Promise<T> {
  const { model, config } = await loadDecoder(path)
  try {
    return await use(writable(model, config))
  } finally {
    dispose(model)
  }
}

/**
 * Writes all texts of a model together, plainly and by trying ahead; gives those that are not as expected.
 */
export async function checkTexts(real: Real | string): Promise<string[]> {
  const { continuations, ids } = (real as Real).reference
  const texts = continuations ?? [{ ids: ids!.slice(0, 1), continuation_ids: ids!.slice(1) }]
  const tokens = Math.max(...texts.map(({ continuation_ids: expected }) => expected.length))
  return withModel(real as Real, async (model) => {
    const other: string[] = []
    for (const options of [{}, { lookup: true as const }]) {
      const prompts = texts.map((text) => text.ids)
      const found = await write(model, prompts, { ...options, temperature: 0, tokens })
      texts.forEach(({ continuation_ids: expected }, i) => {
        const written = found[i]!.ids.slice(0, expected.length)
        if (written.join() !== expected.join()) other.push(`${written.join(' ')} for ${expected.join(' ')}`)
      })
    }
    return other
  })
}

/** Of a text's log probabilities the largest difference from those expected, as a part of what is allowed. */
export async function checkScores(real: Real | string): Promise<number> {
  const { tensors } = readSafetensors(readFileSync(join((real as Real).folder, 'expected.safetensors')))
  const ids = tensors.get('text.ids')!.toFloat32()
  const expected = tensors.get('text.negative_log_likelihood')!.toFloat32()
  const { negative_log_likelihood: allowed } = (real as Real).reference.tolerance!
  const [score] = await withModel(real as Real, (model) => scoreOf(model, [ids.slice(0, 1)], [ids.slice(1)]))
  return Math.max(...score!.logProbabilities.map((value, i) => Math.abs(value + expected[i]!))) / allowed
}
