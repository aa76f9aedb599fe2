import type { NormOptions } from '../../../nn/index.js'
import type { Activation } from '../../../tensor/index.js'

/** What a model computes from its last states. */
export type HeadDesign = HeadForm & {
  /** Which of its architecture's heads it is: what follows `For` in the name of the class, `MaskedLM`. */
  readonly name: string
}

/** The forms that heads have. */
export type HeadForm = MaskedLanguageDesign | ClassificationDesign | TokenDesign | AnswerDesign

/** A dense layer between the states and what a head computes. */
export interface DenseDesign {
  /** Numbers that it makes. */
  readonly width: number
  readonly activation: Activation
  /** Default true. */
  readonly bias?: boolean | undefined
  /** After the activation; default none. */
  readonly norm?: NormOptions | undefined
  /** Default true. */
  readonly normBias?: boolean | undefined
}

/** The logits of the token at each position (Devlin et al. 2019, section 3.1). */
export interface MaskedLanguageDesign {
  readonly kind: 'masked-language'
  readonly dense?: DenseDesign | undefined
  /** Whether the output shares the embedding's table. */
  readonly tied: boolean
  /** Default true. */
  readonly bias?: boolean | undefined
}

/** Logits of labels for the whole text; with one label a score. */
export interface ClassificationDesign {
  readonly kind: 'classification'
  /** The pooler's vector, the first position, or the mean of all. */
  readonly from: 'pooled' | 'first' | 'mean'
  readonly dense?: DenseDesign | undefined
  readonly labels: number
}

/** Logits of labels at each position. */
export interface TokenDesign {
  readonly kind: 'token'
  readonly dense?: DenseDesign | undefined
  readonly labels: number
}

/** The logits of an answer's first and last position (Devlin et al. 2019, section 4.2). */
export interface AnswerDesign {
  readonly kind: 'answer'
  readonly dense?: DenseDesign | undefined
}
