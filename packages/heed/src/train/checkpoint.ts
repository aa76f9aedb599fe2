import { FormatError, HeedError, type JsonOptions, readJson, UsageError } from '../base/index.js'
import { readSafetensors, type SafetensorsTensor } from '../formats/index.js'
import { treeBytes } from '../checkpoint/index.js'
import { dispose, type Precision } from '../tensor/index.js'
import { type FileLayer, nodeFiles } from './file-layer.js'
import type { OptimizerState } from './optimizer.js'
import { sha256 } from './sha256.js'
import { fillTree } from './tree-file.js'

/** What a checkpoint holds beside tensors: plain JSON. */
export interface TrainingState {
  /** Updates made. */
  readonly step: number
  /** Batches taken from the data. */
  readonly position: number
  /** Everything random comes from it, the step and the position. */
  readonly seed: number
  readonly accumulation: number
  /** What large products rounded to; default f32. */
  readonly precision?: Precision | undefined
  readonly optimizer: { readonly name: string; readonly options: Readonly<Record<string, number | boolean>> }
  /** The data's fingerprint. */
  readonly data: string
  /** The learning rate of the next step. */
  readonly rate: number | null
  /** The fingerprint of the evaluation's data. */
  readonly evaluation: string | null
  /** The steps after which there was an evaluation and a snapshot last. */
  readonly evaluatedStep: number | null
  readonly snapshotStep: number | null
  /** The loss of the best evaluation so far, its metric by which they are compared, and its step. */
  readonly bestLoss: number | null
  readonly best: number | null
  readonly bestStep: number | null
  /** Evaluations since then. */
  readonly waited: number
  /** The caller's own, such as the model's configuration: what a resumed run must have as well. */
  readonly config: unknown
  /** The caller's own: what may be another in a resumed run. */
  readonly settings: unknown
}

/** What is written at once. */
export interface CheckpointContents<M> {
  readonly model: M
  readonly optimizer: OptimizerState<M>
  readonly state: TrainingState
  /** Further files in the folder, by name: `config.json`, `tokenizer.json`. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
}

/** A checkpoint as it was found: checked, its tensors not yet on a device. */
export interface Checkpoint {
  /** Its folder. */
  readonly path: string
  readonly state: TrainingState
  readonly optimizerStep: number
  readonly model: ReadonlyMap<string, SafetensorsTensor>
  readonly moments: ReadonlyMap<string, SafetensorsTensor>
  /** The caller's files, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Newer ones that were passed over, and why. */
  readonly skipped: readonly SkippedCheckpoint[]
}

export interface SkippedCheckpoint {
  readonly path: string
  readonly reason: string
}

export interface CheckpointOptions {
  /** How many are kept; default 2. */
  readonly keep?: number
  /** Default the file system of Node. */
  readonly files?: FileLayer
}

interface FileEntry {
  readonly bytes: number
  readonly sha256: string
}
interface Manifest {
  readonly format: 'heed checkpoint'
  readonly version: 1
  readonly state: TrainingState
  readonly optimizerStep: number
  readonly files: Readonly<Record<string, FileEntry>>
}

const modelFile = 'model.safetensors'
const optimizerFile = 'optimizer.safetensors'
const stateFile = 'state.json'
const folderName = /^step-(\d+)$/

/**
 * Writes a checkpoint as the folder `step-N` of `folder`: `model.safetensors`, `optimizer.safetensors`,
 * `state.json` (with the length and SHA-256 of each file, and its own) and the caller's files. It is written
 * under another name, flushed to the disk, and gets its name last, so that a checkpoint is there whole or not
 * at all, whatever happens on the way. Then all but the last `keep` are removed, and those of later steps:
 * they belong to a run that was given up.
 *
 * @returns the checkpoint's path
 * @throws HeedError where the disk refuses, with the system's error as its cause; what was there before is
 * there still
 */
export async function saveCheckpoint<M>(
  folder: string,
  contents: CheckpointContents<M>,
  { keep = 2, files = nodeFiles }: CheckpointOptions = {},
): Promise<string> {
  if (!Number.isSafeInteger(keep) || keep < 1)
    throw new UsageError({
      operation: 'saveCheckpoint',
      expected: 'to keep at least 1',
      found: String(keep),
      hint: 'correct that option',
    })
  const { state } = contents
  const name = `step-${String(state.step).padStart(8, '0')}`
  const path = `${folder}/${name}`
  const temporary = `${path}.${uniqueName()}.tmp`
  const parts = new Map<string, Uint8Array>([
    [modelFile, treeBytes(contents.model, 'exact')],
    [optimizerFile, treeBytes(contents.optimizer.moments, 'exact')],
  ])
  for (const [file, content] of Object.entries(contents.files ?? {})) {
    checkFileName(file)
    parts.set(file, typeof content === 'string' ? new TextEncoder().encode(content) : content)
  }
  try {
    await files.makeFolder(temporary)
    const entries: Record<string, FileEntry> = {}
    for (const [file, bytes] of parts) {
      entries[file] = { bytes: bytes.length, sha256: await sha256(bytes) }
      await files.write(`${temporary}/${file}`, bytes)
    }
    const manifest: Manifest = {
      format: 'heed checkpoint',
      version: 1,
      state,
      optimizerStep: contents.optimizer.step,
      files: entries,
    }
    await files.write(`${temporary}/${stateFile}`, await signed(manifest))
    await files.flushFolder(temporary)
    const present = await files.list(folder)
    if (present.includes(name)) await discard(files, path)
    await files.rename(temporary, path)
    await files.flushFolder(folder)
    for (const other of stepsIn(present))
      if (other.step > state.step) await discard(files, `${folder}/${other.name}`)
    await tidyCheckpoints(folder, state.step, { keep, files })
  } catch (cause) {
    await files.remove(temporary).catch(() => {})
    if (cause instanceof HeedError) throw cause
    throw new HeedError({
      operation: 'saveCheckpoint',
      expected: `to write '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder may be written to and has room',
      cause,
    })
  }
  return path
}

/**
 * Removes what a run that was killed left half done, and all checkpoints but the last `keep` up to `step`;
 * those of later steps stay. A folder loses its name before its files.
 */
export async function tidyCheckpoints(
  folder: string,
  step: number,
  { keep = 2, files = nodeFiles }: CheckpointOptions = {},
): Promise<void> {
  const names = await files.list(folder)
  for (const name of names) {
    if (/^step-\d+\.[\w-]+\.(tmp|old)$/.test(name)) await files.remove(`${folder}/${name}`)
  }
  const replaced = stepsIn(names)
    .filter((other) => other.step <= step)
    .slice(keep)
  for (const { name } of replaced) await discard(files, `${folder}/${name}`)
}

async function discard(files: FileLayer, path: string): Promise<void> {
  const old = `${path}.${uniqueName()}.old`
  await files.rename(path, old)
  await files.remove(old)
}

/**
 * The newest checkpoint in a folder that is whole: every file has the length and the SHA-256 that
 * `state.json` names. Those that are damaged or can't be read are passed over and named in `skipped`.
 *
 * @returns undefined where there is none
 * @throws FormatError where there are some but none is whole, or the folder can't be read
 */
export async function readCheckpoint(
  folder: string,
  { files = nodeFiles }: Pick<CheckpointOptions, 'files'> = {},
): Promise<Checkpoint | undefined> {
  const skipped: SkippedCheckpoint[] = []
  for (const { name } of await foundSteps(folder, files)) {
    const path = `${folder}/${name}`
    try {
      return { ...(await readOne(path, files)), skipped }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      skipped.push({ path, reason: `${error.expected} in '${error.file ?? path}', found ${error.found}` })
    }
  }
  if (skipped.length === 0) return undefined
  throw new FormatError({
    operation: 'readCheckpoint',
    expected: `a whole checkpoint in '${folder}'`,
    found: skipped.map(({ path, reason }) => `'${path}': expected ${reason}`).join('; '),
    hint: 'restore one from a copy, or begin anew in another folder',
    file: folder,
  })
}

/** The steps that checkpoints in a folder have, newest first; whether they are whole is not looked at. */
export async function checkpointSteps(folder: string, files: FileLayer = nodeFiles): Promise<number[]> {
  return (await foundSteps(folder, files)).map(({ step }) => step)
}

async function foundSteps(folder: string, files: FileLayer): Promise<{ name: string; step: number }[]> {
  try {
    return stepsIn(await files.list(folder))
  } catch (cause) {
    throw new FormatError({
      operation: 'readCheckpoint',
      expected: `a folder that can be read, '${folder}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'correct the path, or what may be done with the folder',
      file: folder,
      cause,
    })
  }
}

async function readOne(path: string, files: FileLayer): Promise<Omit<Checkpoint, 'skipped'>> {
  const manifest = await readManifest(`${path}/${stateFile}`, files)
  const read = new Map<string, Uint8Array>()
  for (const [name, { bytes, sha256: expected }] of Object.entries(manifest.files)) {
    const file = `${path}/${name}`
    const content = await contentOf(file, files)
    if (content === undefined) throw damaged(file, `a file of ${bytes} bytes`, 'none')
    if (content.length !== bytes) throw damaged(file, `${bytes} bytes`, String(content.length))
    const found = await sha256(content)
    if (found !== expected) throw damaged(file, `SHA-256 ${expected}`, found)
    read.set(name, content)
  }
  const tensors = (name: string): ReadonlyMap<string, SafetensorsTensor> => {
    const content = read.get(name)
    if (content === undefined) throw damaged(`${path}/${stateFile}`, `an entry for ${name}`, 'none')
    return readSafetensors(content, `${path}/${name}`).tensors
  }
  const { state, optimizerStep } = manifest
  const [model, moments] = [tensors(modelFile), tensors(optimizerFile)]
  for (const name of [modelFile, optimizerFile]) read.delete(name)
  return { path, state: complete(state), optimizerStep, model, moments, files: read }
}

/** A state with the fields that the first checkpoints did not have. */
function complete(state: TrainingState): TrainingState {
  const later = {
    rate: null,
    evaluation: null,
    evaluatedStep: state.step,
    snapshotStep: state.step,
    best: state.bestLoss,
    waited: 0,
    settings: null,
  }
  return Object.assign(later, state)
}

/** A file's bytes; what the system refuses to read is as good as damaged. */
async function contentOf(file: string, files: FileLayer): Promise<Uint8Array | undefined> {
  try {
    return await files.read(file)
  } catch (cause) {
    throw damaged(file, 'a file that can be read', cause instanceof Error ? cause.message : String(cause))
  }
}

/** The same for what is written and what is read, so that whatever is written can be read. */
function jsonOptions(file: string): JsonOptions {
  const hint = 'the checkpoint is damaged or was copied in part'
  return { operation: 'readCheckpoint', file, hint, values: 2 ** 18 }
}

async function readManifest(file: string, files: FileLayer): Promise<Manifest> {
  const bytes = await contentOf(file, files)
  if (bytes === undefined) throw damaged(file, 'a file', 'none')
  const content = readJson(bytes, jsonOptions(file)).plain()
  const { checksum, manifest } = recordOf(content)
  if (!isManifest(manifest)) throw damaged(file, 'a heed checkpoint of version 1', 'something else')
  if (checksum !== (await checksumOf(manifest))) throw damaged(file, 'the checksum that it names', 'another')
  return manifest
}

/** Whether JSON from outside is what `saveCheckpoint` writes. */
function isManifest(value: unknown): value is Manifest {
  const { format, version, state, optimizerStep, files } = recordOf(value)
  const { step, position, seed, accumulation, precision, optimizer, data, bestLoss, bestStep } =
    recordOf(state)
  const { rate = null, evaluation = null, evaluatedStep = null, snapshotStep = null } = recordOf(state)
  const { best = null, waited = 0 } = recordOf(state)
  const count = (number: unknown): boolean => Number.isSafeInteger(number) && (number as number) >= 0
  return (
    format === 'heed checkpoint' &&
    version === 1 &&
    [optimizerStep, step, position, seed, accumulation].every(count) &&
    typeof recordOf(optimizer)['name'] === 'string' &&
    typeof data === 'string' &&
    (precision === undefined || precision === 'bf16' || precision === 'f32') &&
    [bestLoss, best].every((known) => known === null || typeof known === 'number') &&
    count(waited) &&
    [bestStep, evaluatedStep, snapshotStep].every((made) => made === null || count(made)) &&
    (rate === null || typeof rate === 'number') &&
    (evaluation === null || typeof evaluation === 'string') &&
    Object.entries(recordOf(files)).every(
      ([name, entry]) =>
        isPlainName(name) && count(recordOf(entry)['bytes']) && isHash(recordOf(entry)['sha256']),
    )
  )
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function isPlainName(name: string): boolean {
  return name !== '' && !/[/\\]|^\.|\0/.test(name)
}

async function signed(manifest: Manifest): Promise<Uint8Array> {
  // As it will be read: what JSON can't hold is gone before the checksum is taken.
  const plain = readJson(JSON.stringify(manifest), jsonOptions(stateFile)).plain() as Manifest
  const content = { checksum: await checksumOf(plain), manifest: plain }
  return new TextEncoder().encode(`${JSON.stringify(content, undefined, 2)}\n`)
}

function checksumOf(manifest: Manifest): Promise<string> {
  return sha256(new TextEncoder().encode(JSON.stringify(manifest)))
}

function stepsIn(names: readonly string[]): { name: string; step: number }[] {
  return names
    .flatMap((name) => {
      const found = folderName.exec(name)
      return found === null ? [] : [{ name, step: Number(found[1]) }]
    })
    .sort((a, b) => b.step - a.step)
}

function checkFileName(name: string): void {
  if (!isPlainName(name) || [modelFile, optimizerFile, stateFile].includes(name))
    throw new UsageError({
      operation: 'saveCheckpoint',
      expected: 'a plain file name that is not one of its own',
      found: `'${name}'`,
      hint: 'rename that file',
    })
}

function damaged(file: string, expected: string, found: string): FormatError {
  return new FormatError({
    operation: 'readCheckpoint',
    expected,
    found,
    hint: 'the checkpoint is damaged or was copied in part',
    file,
  })
}

/** Two writers never share a temporary name. */
function uniqueName(): string {
  return `${globalThis.process?.pid ?? 0}-${Math.random().toString(36).slice(2)}`
}

/**
 * A checkpoint's tensors in the place of those of a model and its fresh optimizer state, on their device:
 * same paths, axes and sizes. The tensors given are left alone.
 *
 * @throws FormatError where the checkpoint is of another model or optimizer
 */
export function restoreCheckpoint<M>(
  checkpoint: Checkpoint,
  model: M,
  optimizer: OptimizerState<M>,
): { model: M; optimizer: OptimizerState<M> } {
  const { path, model: weights, moments, optimizerStep } = checkpoint
  const restored = fillTree(model, weights, `${path}/${modelFile}`)
  try {
    const filled = fillTree(optimizer.moments, moments, `${path}/${optimizerFile}`)
    return { model: restored, optimizer: { step: optimizerStep, moments: filled } }
  } catch (error) {
    dispose(restored)
    throw error
  }
}
