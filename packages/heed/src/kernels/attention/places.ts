import type { Launch } from '../launch.js'

/**
 * Where a tensor of axes batch, head, row, width lies in the heap: its byte address, and the strides of the
 * outer axes in elements. The width's stride is 1.
 */
export interface Place {
  readonly address: number
  readonly batch: number
  readonly head: number
  readonly row: number
}

/** A captured tensor, or its gradient, in the heap: strides in elements and sizes, axis by axis. */
export interface CapturePlace {
  readonly address: number
  readonly strides: readonly number[]
  readonly sizes: readonly number[]
}

/** Where the tensors of one attention lie. */
export interface ForwardPlaces {
  /** [batch head query width] */
  readonly query: Place
  /** [batch kvHead key width] */
  readonly key: Place
  /** [batch kvHead key valueWidth] */
  readonly value: Place
  /** [batch head query valueWidth] */
  readonly output: Place
  /**
   * Byte address; [batch head query], contiguous: the largest score, the sink among them; −infinity where
   * there is none. The backward pass needs it and `inverseSum`.
   */
  readonly largest: number
  /**
   * Byte address; [batch head query], contiguous: 1 over the sum of exp(score − largest), 0 where it is 0.
   */
  readonly inverseSum: number
  /** Byte address; [head], contiguous; where the definition has a sink. */
  readonly sink?: number
  readonly captures: readonly CapturePlace[]
  readonly parameters: readonly number[]
  readonly statistics?: StatisticsPlaces
}

/** Byte addresses, each [batch head query], contiguous. */
export interface StatisticsPlaces {
  /** ln of the denominator, −infinity where it is 0 (nothing to attend, no sink); f32 */
  readonly logSumExp: number
  /** −Σ f ln f in nats; f32 */
  readonly entropy: number
  /** f32 */
  readonly largestWeight: number
  /** i32: the key of the largest weight, the lowest of equals, −1 where nothing may be attended. */
  readonly largestKey: number
}

/** What the forward pass had and gave, the gradient of its output, and where gradients go. */
export interface BackwardPlaces extends Omit<ForwardPlaces, 'statistics'> {
  /** Gradient of the output; [batch head query valueWidth] */
  readonly upstream: Place
  /** Written whole, like the gradients of key and value. */
  readonly queryGradient: Place
  readonly keyGradient: Place
  readonly valueGradient: Place
  /** Byte address; [head], contiguous. */
  readonly sinkGradient?: number
  /** By slot, with the sizes of the captured tensor; they are added to, so they start as zeros. */
  readonly captureGradients?: readonly (CapturePlace | undefined)[]
}

/** An operation as plain data: allocate `workspaceBytes`, then run the launches in order. */
export interface Plan<Places> {
  /** Memory that the launches share among themselves, 64-byte aligned, contents unspecified. */
  readonly workspaceBytes: number
  launches(places: Places, workspace: number): Launch[]
}
