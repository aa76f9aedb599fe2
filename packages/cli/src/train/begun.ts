import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError, HeedError, loadTokenizer, UsageError, type Tokenizer } from 'heed'
import { checkpointSteps, makeFolder, readCheckpoint, type Checkpoint } from 'heed/internals'
import type { TrainConfig } from './config.js'

/** The run that a resumed one goes on with, as its newest whole checkpoint tells it. */
export interface Begun {
  /** The checkpoint, once: it takes much memory, which has to be free while the run goes on. */
  readonly takeCheckpoint: () => Checkpoint
  /** Newer checkpoints that were passed over, and why. */
  readonly skipped: Checkpoint['skipped']
  /** The checkpoint's folder. */
  readonly path: string
  readonly tokenizer: Tokenizer
  /** The SHA-256 of its training documents. */
  readonly documents: string | undefined
  /** The size of the vocabulary that its tokenizer was trained for. */
  readonly vocabulary: number | undefined
}

/** The finished model's folder in the output folder. */
export const modelFolder = 'model'

/** Makes the output folder, with those around it. @throws {HeedError} where that can't be done */
export function makeOutput(folder: string): void {
  try {
    makeFolder(folder)
  } catch (cause) {
    throw new HeedError({
      operation: 'train',
      expected: `a folder that can be written to, '${folder}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "correct the configuration's output, or name another folder with --out",
      cause,
    })
  }
}

/**
 * The run in the output folder, where it is to be gone on with. Nothing is written.
 *
 * @returns undefined where the folder has none
 * @throws {UsageError} where it has one and a new one was to begin
 * @throws {FormatError} where there are checkpoints and none of them is whole
 */
export async function findBegun({ output }: TrainConfig, resume: boolean): Promise<Begun | undefined> {
  if (!resume) await refuseBegun(output)
  const checkpoint = resume ? await readCheckpoint(output) : undefined
  if (checkpoint !== undefined) return begunOf(checkpoint)
  await refuseFinished(output)
  return undefined
}

/** @throws {UsageError} where the output folder has checkpoints and a new run was to begin */
export async function refuseBegun(output: string): Promise<void> {
  const [step] = await checkpointSteps(output)
  if (step === undefined) return
  throw new UsageError({
    operation: 'run',
    expected: `no checkpoints in '${output}'`,
    found: `one of step ${step}`,
    hint: 'add --resume to go on from it, or name another folder with --out',
  })
}

/** @throws {UsageError} where the output folder has a finished model and no checkpoints */
export async function refuseFinished(output: string): Promise<void> {
  const model = join(output, modelFolder)
  if (!(await isThere(join(model, 'model.safetensors')))) return
  throw new UsageError({
    operation: 'run',
    expected: `a folder without a finished model, since it has no checkpoint to go on from`,
    found: `'${model}'`,
    hint: 'name another folder with --out, or put that model elsewhere',
  })
}

function begunOf(checkpoint: Checkpoint): Begun {
  const { path, files, state, skipped } = checkpoint
  const text = files.get('tokenizer.json')
  if (text === undefined)
    throw new FormatError({
      operation: 'train',
      expected: `a tokenizer.json in '${path}'`,
      found: 'none',
      hint: 'the checkpoint is of another program: begin anew in another folder',
      file: path,
    })
  const { documents } = fieldsOf(state.config)
  const { vocabulary } = fieldsOf(state.settings)
  const held = [checkpoint]
  return {
    takeCheckpoint: () => held.pop()!,
    skipped,
    path,
    tokenizer: loadTokenizer(text, join(path, 'tokenizer.json')),
    documents: typeof documents === 'string' ? documents : undefined,
    vocabulary: typeof vocabulary === 'number' ? vocabulary : undefined,
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** What writing leaves half done where the process is killed. */
const leftover =
  /^(tokenizer\.json|config\.json|model\.safetensors|(train|validation)\.tokens\.safetensors|report\.html|measurements\.json)\.\d+-[a-z0-9]+\.tmp$/

/** Removes what a killed run left half written. Nobody else may be at work in the folder. */
export async function clearLeftovers(output: string): Promise<void> {
  for (const folder of [output, join(output, modelFolder)]) {
    for (const name of await readdir(folder).catch((): string[] => []))
      if (leftover.test(name)) await rm(join(folder, name), { force: true }).catch(() => {})
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
