/** How far a training is. */
export interface TrainingProgress {
  /**
   * `texts`: words are counted; `pairs`, `merges`: byte pair encoding and WordPiece; `seeds`, `pieces`:
   * Unigram.
   */
  readonly phase: 'texts' | 'pairs' | 'merges' | 'seeds' | 'pieces'
  readonly done: number
  /** Undefined where nobody knows: of texts that come from somewhere. */
  readonly total: number | undefined
}

/** A training in steps of some milliseconds at most, so that it can be watched and stopped between them. */
export type TrainingSteps<Result> = Generator<TrainingProgress, Result, undefined>

/** Runs a training to its end at once. */
export function runSteps<Result>(
  steps: TrainingSteps<Result>,
  onProgress?: (progress: TrainingProgress) => void,
): Result {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    onProgress?.(value)
  }
}
