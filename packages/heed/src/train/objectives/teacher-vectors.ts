/** What a teacher makes of texts, computed once. */
import {
  checkWhole,
  FormatError,
  leavesOf,
  nodeModule,
  pause,
  StateError,
  type StopSignal,
  UsageError,
} from '../../base/index.js'
import { isModelLeaf, type ModelLeaf } from '../../checkpoint/index.js'
import { saveSafetensors, withSafetensors } from '../../formats/index.js'
import { defaultBatchTokens, type SentenceEncoder } from '../../models/index.js'
import { plainWeight } from '../../nn/index.js'
import { scope } from '../../tensor/index.js'
import { sha256 } from '../sha256.js'

/** The vectors of a teacher by their texts. */
export interface TeacherVectors {
  /** Numbers of a vector. */
  readonly width: number
  /** Of what these are the vectors: decides, with the texts, what is learned from them. */
  readonly fingerprint: string
  /** The vector of each text, in their order. Throws UsageError for a text that it has none of. */
  of(texts: readonly string[]): readonly Float32Array[]
}

/** How `teacherVectors` computes and keeps them. */
export interface TeacherOptions {
  /**
   * A file that they are kept in. Where it is there, and of this teacher and these texts, it is read; another
   * one is written anew.
   */
  readonly cache?: string | undefined
  readonly batchTokens?: number | undefined
  /** Told how many texts are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined
  /** Aborted, it ends between two batches with a StateError, and no file is written. */
  readonly signal?: StopSignal | undefined
}

/** Texts of which the signal is looked at once. */
const together = 512

/**
 * The vectors that a teacher makes of texts: each different text once.
 *
 * @throws StateError where it is stopped; HeedError where the file can't be written
 */
export async function teacherVectors(
  teacher: SentenceEncoder,
  texts: readonly string[],
  { cache, batchTokens = defaultBatchTokens, progress, signal }: TeacherOptions = {},
): Promise<TeacherVectors> {
  checkWhole('teacherVectors', 'batchTokens', batchTokens, 1)
  const different = [...new Set(texts)]
  const { width } = teacher
  const fingerprint = await fingerprintOf(teacher)
  const identity = `${fingerprint} ${await sha256(new TextEncoder().encode(JSON.stringify(different)))}`
  const known = cache === undefined ? undefined : kept(cache, identity, different.length * width)
  const numbers = known ?? new Float32Array(different.length * width)
  if (known === undefined) {
    for (let start = 0; start < different.length; start += together) {
      if (signal?.aborted === true) throw stopped(start, different.length)
      const found = teacher.encode(different.slice(start, start + together), { batchTokens })
      found.forEach((vector, i) => numbers.set(vector, (start + i) * width))
      progress?.(Math.min(start + together, different.length), different.length)
      await pause()
    }
    if (cache !== undefined)
      await saveSafetensors(
        cache,
        new Map([['vectors', { dtype: 'f32', shape: [different.length, width], data: numbers }]]),
        { metadata: new Map([['identity', identity]]) },
      )
  }
  const places = new Map(different.map((text, place) => [text, place]))
  return {
    width,
    fingerprint,
    of: (some) =>
      some.map((text) => {
        const place = places.get(text)
        if (place === undefined)
          throw new UsageError({
            operation: 'teacherVectors',
            expected: 'a text that the teacher has read',
            found: JSON.stringify(text.slice(0, 60)),
            hint: 'give teacherVectors all texts of the data and of the evaluation',
          })
        return numbers.subarray(place * width, (place + 1) * width)
      }),
  }
}

/** A teacher that reads each batch's texts when it is their turn. */
export async function teacherAsks(teacher: SentenceEncoder): Promise<TeacherVectors> {
  return {
    width: teacher.width,
    fingerprint: await fingerprintOf(teacher),
    of: (texts) => teacher.encode(texts),
  }
}

function stopped(done: number, total: number): StateError {
  return new StateError({
    operation: 'teacherVectors',
    expected: `the vectors of ${total} texts`,
    found: `${done} when it was stopped`,
    hint: 'begin again: nothing was written',
  })
}

/** The numbers of a file, where it is of the same teacher and texts. */
function kept(path: string, identity: string, count: number): Float32Array | undefined {
  const { existsSync } = nodeModule<typeof import('node:fs')>('node:fs', 'teacherVectors')
  if (!existsSync(path)) return undefined
  try {
    return withSafetensors(path, ({ metadata, tensors }) => {
      const numbers = tensors.get('vectors')
      if (metadata.get('identity') !== identity || numbers === undefined) return undefined
      const found = Float32Array.from(numbers.toFloat32())
      return found.length === count ? found : undefined
    })
  } catch (error) {
    // Another file, or one that is damaged: it is written anew.
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/** What decides a teacher's vectors: its weights, and how texts become vectors. */
async function fingerprintOf({ loaded, pooling, modules, settings }: SentenceEncoder): Promise<string> {
  const { tokenizer: _, prompts, ...plain } = settings
  const how = [loaded.stored.config.plain(), pooling, modules.map(({ kind }) => kind), plain, [...prompts]]
  const digests = [await sha256(new TextEncoder().encode(JSON.stringify(how)))]
  const dense = modules.flatMap((module) => (module.kind === 'dense' ? [module.dense.map] : []))
  for (const leaf of leavesOf<ModelLeaf>([loaded.model, dense], isModelLeaf).values()) {
    const numbers = scope(() => Float32Array.from(plainWeight(leaf).values()))
    digests.push(await sha256(new Uint8Array(numbers.buffer)))
  }
  return sha256(new TextEncoder().encode(digests.join()))
}
