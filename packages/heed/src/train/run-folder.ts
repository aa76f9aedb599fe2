import { UsageError } from '../base/index.js'
import {
  type Checkpoint,
  type CheckpointContents,
  checkpointSteps,
  readCheckpoint,
  saveCheckpoint,
  tidyCheckpoints,
} from './checkpoint.js'
import { type FileLayer, nodeFiles } from './file-layer.js'
import type { FolderLock } from './folder-lock.js'
import type { CheckpointPlan } from './options.js'

/**
 * The folder that a run keeps its checkpoints in: held while it is written to, so that two runs don't meet
 * there.
 */
export class RunFolder<M> {
  readonly plan: CheckpointPlan<M>
  readonly #files: FileLayer
  readonly #keep: number
  #lock: FolderLock | undefined

  constructor(plan: CheckpointPlan<M>) {
    this.plan = plan
    this.#files = plan.fileLayer ?? nodeFiles
    this.#keep = plan.keep ?? 2
    this.#lock = plan.lock
  }

  /** @throws StateError where another training is at work in the folder */
  async take(): Promise<void> {
    if (this.#lock !== undefined || this.#files.lock === undefined) return
    await this.#files.makeFolder(this.plan.folder)
    this.#lock = await this.#files.lock(this.plan.folder)
  }

  /** Lets others have it, where it was this run that took it. */
  leave(): void {
    if (this.plan.lock !== undefined) return
    this.#lock?.release()
    this.#lock = undefined
  }

  /** @throws StateError where another training has taken the folder over */
  async check(): Promise<void> {
    await this.#lock?.check()
  }

  read(): Promise<Checkpoint | undefined> {
    return readCheckpoint(this.plan.folder, { files: this.#files })
  }

  /** A checkpoint beside the others, or as the best one. */
  async write(contents: CheckpointContents<M>, best = false): Promise<string> {
    const { folder } = this.plan
    return best
      ? saveCheckpoint(`${folder}/best`, contents, { keep: 1, files: this.#files })
      : saveCheckpoint(folder, contents, { keep: this.#keep, files: this.#files })
  }

  /** Clears away what a run that was killed left half done. */
  async tidy(step: number): Promise<void> {
    await tidyCheckpoints(this.plan.folder, step, { keep: this.#keep, files: this.#files })
    await tidyCheckpoints(`${this.plan.folder}/best`, step, { keep: 1, files: this.#files })
  }

  /**
   * A run that begins anew may not write over another's checkpoints.
   *
   * @throws UsageError where there are some
   */
  async refuseForeign(): Promise<void> {
    const [newest] = await checkpointSteps(this.plan.folder, this.#files)
    if (newest !== undefined)
      throw new UsageError({
        operation: 'run',
        expected: `no checkpoints in '${this.plan.folder}'`,
        found: `one of step ${newest}`,
        hint: 'call resume() first to go on from it, or take another folder',
      })
  }
}
