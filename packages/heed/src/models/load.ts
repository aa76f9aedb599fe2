/** Models from this machine's disk, whatever their architecture. */
import { nodeModule, randomKey, UsageError } from '../base/index.js'
import { describing, hasLeaf, loadTree } from '../checkpoint/index.js'
import { scope } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import type { Architecture, AttentionPlace, Design, Family } from './architecture.js'
import { openCheckpoint, type StoredModel } from './stored-model.js'
import { type Decoder, decoderAttentions, type DecoderConfig, type DecoderDesign } from './decoder/index.js'
import type { Encoder, EncoderDesign } from './encoder/index.js'
import { ownWeights } from './model-files.js'

/** A model with all that is needed to use it. `D` is what its functions take beside the weights. */
export interface Loaded<F extends Family, D, M> {
  readonly family: F
  /** Undefined for heed's own decoder. */
  readonly architecture: Architecture | undefined
  /** How it is built: given to the functions that run the model. */
  readonly config: D
  readonly model: M
  /** Its attentions, in the order in which they run. */
  readonly attentions: readonly AttentionPlace[]
  /** Read when it is first asked for. Throws FormatError where the checkpoint has none. */
  readonly tokenizer: Tokenizer
  /** What it was read from. */
  readonly stored: StoredModel
}

/** A decoder: what `decoderLogits` and generation run. */
export type LoadedDecoder = Loaded<'decoder', DecoderConfig | DecoderDesign, Decoder>

/** An encoder: what `encoderStates` and `encoderOutput` run. */
export type LoadedEncoder = Loaded<'encoder', EncoderDesign, Encoder>

/** A model of any family. */
export type LoadedModel = LoadedDecoder | LoadedEncoder

/**
 * Reads a model from a folder of this machine: one in the hub's layout, or one that `saveModel` wrote.
 *
 * @throws FormatError where a file is missing or wrong, or they don't belong together
 */
export async function loadModel(path: string): Promise<LoadedModel> {
  return readModel(path)
}

/** `loadModel` at once, for `withDevice`: the process waits for the disk. Throws as it does. */
export function readModel(path: string): LoadedModel {
  const stored = openCheckpoint(path)
  const { architecture } = stored
  const { model, design } = scope(() =>
    architecture === undefined ? ownDecoder(stored) : treeOf(stored, architecture),
  )
  let tokenizer: Tokenizer | undefined
  return {
    family: architecture?.family ?? 'decoder',
    architecture,
    config: design,
    model,
    attentions: architecture?.attentions(design as Design) ?? decoderAttentions(design),
    stored,
    get tokenizer() {
      return (tokenizer ??= stored.tokenizer())
    },
  } as LoadedModel
}

/**
 * A decoder from a folder of this machine.
 *
 * @throws FormatError as `loadModel` does; UsageError where the model is of another family
 */
export async function loadDecoder(path: string): Promise<LoadedDecoder> {
  return ofFamily(readModel(path), 'decoder')
}

/**
 * An encoder from a folder of this machine.
 *
 * @throws FormatError as `loadModel` does; UsageError where the model is of another family
 */
export async function loadEncoder(path: string): Promise<LoadedEncoder> {
  return ofFamily(readModel(path), 'encoder')
}

/** A loaded model as one of its family. Throws UsageError where it is of another. */
export function ofFamily<F extends LoadedModel['family']>(
  loaded: LoadedModel,
  family: F,
): Extract<LoadedModel, { readonly family: F }> {
  if (loaded.family === family) return loaded as Extract<LoadedModel, { readonly family: F }>
  throw new UsageError({
    operation: 'loadModel',
    expected: `a model of the family '${family}'`,
    found: `'${loaded.architecture?.name ?? 'decoder'}', of the family '${loaded.family}'`,
    hint: 'load it with loadModel, and run it by the functions of its family',
  })
}

/** Weights, and the design that they have. */
interface Read {
  readonly model: unknown
  readonly design: StoredModel['design']
}

function ownDecoder({ path, design }: StoredModel): Read {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'loadModel')
  const file = paths.join(path, 'model.safetensors')
  return { model: ownWeights(file, design as DecoderConfig, file), design }
}

function treeOf(stored: StoredModel, architecture: Architecture): Read {
  const said = stored.design as Design
  return stored.weights((files) => {
    const design = architecture.fitted?.(said, hasLeaf(files, architecture.bindings(said))) ?? said
    const like = architecture.create(design, randomKey(0), { initializer: describing })
    return {
      model: loadTree(files, like, architecture.bindings(design), { file: stored.path }),
      design,
    }
  })
}
