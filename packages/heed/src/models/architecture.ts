/** An architecture as a value: what loading, saving, training and looking need to know of it. */
import type { RandomKey } from '../base/index.js'
import type { Bindings, CheckpointConfig } from '../checkpoint/index.js'
import type { Initializer } from '../nn/index.js'

/** What kind of model it is: which function runs it. */
export type Family =
  | 'decoder'
  | 'encoder'
  | 'encoder-decoder'
  | 'vision-encoder'
  | 'dual-encoder'
  | 'captioner'

/**
 * What an attention's positions are: tokens of the source or of the target, patches of a picture (with the
 * tokens in front of them), or the one learned query that asks for a picture's vector.
 */
export type AttentionPositions = 'source' | 'target' | 'patch' | 'probe'

/** An attention of a model: what its filter is called, and whose positions attend to whose. */
export interface AttentionPlace {
  /** For `observe`: `blocks.3.attention.filter`. */
  readonly name: string
  readonly kind: 'self' | 'cross'
  /** Whose positions ask. */
  readonly queries: AttentionPositions
  /** Whose positions answer. */
  readonly keys: AttentionPositions
  readonly layer: number
}

/**
 * An architecture. `D` is its design: all that its configuration says, in the family's form. `M` is its tree
 * of weights.
 */
export interface Architecture<D extends Design = Design, M = unknown> {
  /** `llama` */
  readonly name: string
  readonly family: Family
  /** The paper or the model card that says how it is built. */
  readonly source: string
  /** `model_type` of the hub's configurations. */
  readonly modelTypes: readonly string[]
  /** `general.architecture` of GGUF files. */
  readonly gguf?: readonly string[] | undefined
  /** The field of its configuration that describes what reads or writes text; default: the whole. */
  readonly textFields?: string | undefined
  /** The heads that may stand on it, by what follows `For` in the name of its class: `MaskedLM`. */
  readonly heads?: readonly string[] | undefined
  /**
   * The design that a configuration describes.
   *
   * @throws FormatError naming a field that is missing, makes no sense, or isn't handled
   */
  design(config: CheckpointConfig): D
  /**
   * The design without what files may lack though their configuration has it; `has` says whether there is a
   * tensor for the leaf at a path. Default: the design as it is.
   */
  fitted?(design: D, has: (path: string) => boolean): D
  /** The weights before training. */
  create(design: D, key: RandomKey, options?: { readonly initializer?: Initializer }): M
  /** Where the weights stand in files. */
  bindings(design: D): Bindings
  /** Its attentions, in the order in which they run. */
  attentions(design: D): readonly AttentionPlace[]
}

/** What the file of an architecture says: all that differs from others of its family, which adds the rest. */
export type ArchitectureFile<D extends Design> = Pick<
  Architecture<D>,
  'name' | 'source' | 'modelTypes' | 'gguf' | 'heads' | 'design' | 'bindings'
>

/** What every design says, whatever the family. */
export interface Design {
  /** The architecture's name in the registry. */
  readonly architecture: string
  /** Rows of the embedding: token ids run from 0 to this, without it. 0 where no text is read. */
  readonly vocabulary: number
  /** The longest sequence that it was trained on, in tokens. */
  readonly context: number
  /** Numbers in the vector of a position. */
  readonly width: number
  readonly layers: number
  /** Query heads of a layer. */
  readonly heads: number
}
