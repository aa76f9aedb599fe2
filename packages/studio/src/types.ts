import type { AnswerPart } from './answer/parts.js'

/** One token of the sentence. */
export interface Token {
  /** Its number in the vocabulary. */
  readonly id: number
  readonly text: string
  /** Its span in {@link AttendResult.text}: from `start` up to, not including, `end`. */
  readonly start: number
  readonly end: number
}

/** What one attention head did with the sentence. */
export interface HeadView {
  /**
   * query × key: row q says how much query q attends to each key; between 0 and 1, each row summing to 1 (or
   * to 0 where it attends to nothing).
   */
  readonly filter: readonly (readonly number[])[]
  /** Mean over the queries of the row's entropy, in nats. */
  readonly entropy: number
  /**
   * How much the head attends to the token just before the query: 0 to 1; NaN where that says nothing
   * (cross-attention).
   */
  readonly previous: number
  /** How much it attends to the first token (attention sink): 0 to 1. */
  readonly first: number
  /**
   * How much it attends to the token after an earlier occurrence of the query (induction): 0 to 1, or NaN.
   */
  readonly induction: number
}

/** The heads of one layer: of self-attention over {@link AttendResult.tokens} where nothing else is said. */
export interface LayerView {
  readonly heads: readonly HeadView[]
  /** What the layer is called; default its number among all. */
  readonly name?: string
  /** What the queries come from; default the result's tokens. */
  readonly queries?: readonly Token[]
  /** What the keys come from; default what the queries do. */
  readonly keys?: readonly Token[]
}

/** A candidate for the token that follows the sentence. */
export interface Prediction {
  readonly id: number
  readonly text: string
  readonly probability: number
}

/** A text, and how every head of a model attended to it, or from one text to another. */
export interface AttendResult {
  readonly text: string
  readonly tokens: readonly Token[]
  readonly layers: readonly LayerView[]
  /** The likeliest next tokens, in any order; empty for a model that predicts none. */
  readonly next: readonly Prediction[]
}

/** One point of the loss curve. */
export interface LossPoint {
  readonly step: number
  readonly loss: number
  readonly validation?: number
}

/** The same sentence, as the model of an earlier training step attended to it. */
export interface Snapshot {
  readonly step: number
  /** As many layers and heads as in {@link AttendResult.layers}, over the same tokens. */
  readonly layers: readonly LayerView[]
}

/** How the model came to attend as it does. */
export interface Training {
  readonly steps: readonly LossPoint[]
  readonly snapshots: readonly Snapshot[]
  /**
   * While it still trains: the step that {@link Report.attend} is from. Left out, the model is the finished
   * one.
   */
  readonly until?: number
  /** The model that it began with; left out for a new one. */
  readonly from?: string
}

/** The model's size, for the heading. */
export interface ModelSummary {
  readonly name: string
  readonly parameters: number
  readonly layers: number
  readonly heads: number
  readonly width: number
}

/** What one page shows. */
export interface Report {
  readonly title: string
  readonly model?: ModelSummary
  readonly attend: AttendResult
  readonly training?: Training
  /**
   * Bits that a weight takes on the page: 16, or 8 for a small page, which has weights to 0.002. Default 16.
   */
  readonly bits?: 8 | 16
}

/** What one task gave, on a page of several. */
export interface AnswerSection {
  /** What stands over it: the task. */
  readonly heading?: string
  /** What the task gave; left out: only how the model attended is shown. */
  readonly parts?: readonly AnswerPart[]
  /** How the model attended. */
  readonly report?: Report
}
