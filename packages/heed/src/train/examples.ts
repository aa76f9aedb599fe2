/** Records as an objective's examples, each encoded once. */
import { foldIn, HeedError, pause, randomKey, type StopSignal, UsageError } from '../base/index.js'
import type { Objective } from './objectives/objective.js'
import { type DataRecord, recordOrigin } from './records/index.js'

/** Records: a list, or what gives them one after the other, such as `readRecords`. */
export type Records<R> = Iterable<R> | AsyncIterable<R>

/** What is told while records are encoded. */
export interface EncodeProgress {
  readonly records: number
  readonly examples: number
}

/** The examples of all records, and what tells them from others. */
export interface Examples<E> {
  readonly examples: readonly E[]
  readonly fingerprint: string
}

/**
 * Encodes records, and lets other work of the program run meanwhile.
 *
 * @returns undefined where `signal` was aborted
 * @throws UsageError naming the record that makes no sense, with its place in a file where it has one
 */
export async function encodeRecords<R, E>(
  objective: Pick<Objective<R, E, never, never>, 'name' | 'encode'>,
  records: Records<R>,
  { signal, progress }: { readonly signal?: StopSignal; readonly progress?: (done: EncodeProgress) => void },
): Promise<Examples<E> | undefined> {
  const examples: E[] = []
  let key = randomKey(0, 'records')
  let count = 0
  let paused = performance.now()
  for await (const record of records) {
    try {
      for (const example of objective.encode(record)) examples.push(example)
    } catch (error) {
      throw error instanceof HeedError ? placed(error, record, count) : error
    }
    key = foldIn(key, JSON.stringify(record, shortened) ?? '')
    count++
    if (performance.now() - paused < 50) continue
    progress?.({ records: count, examples: examples.length })
    await pause()
    paused = performance.now()
    if (signal?.aborted === true) return undefined
  }
  progress?.({ records: count, examples: examples.length })
  const [low, high] = key
  return {
    examples,
    fingerprint: `${objective.name}, records ${count} (${low.toString(16)}${high.toString(16)})`,
  }
}

/** Of vectors, which may be long, as much as tells them apart. */
function shortened(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && 'subarray' in value
    ? Array.from((value as Float32Array).subarray(0, 4))
    : value
}

function placed(
  { operation, expected, found, hint }: HeedError,
  record: unknown,
  number: number,
): UsageError {
  const origin =
    typeof record === 'object' && record !== null ? recordOrigin(record as DataRecord) : undefined
  const place = origin === undefined ? `record ${number}` : `'${origin.file}', line ${origin.line}`
  return new UsageError({ operation, expected, found: `${found} (${place})`, hint })
}
