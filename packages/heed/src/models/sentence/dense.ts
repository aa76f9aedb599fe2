/** The modules behind the pooling: Dense and Normalize. */
import { randomKey } from '../../base/index.js'
import { type Bindings, describing, linearBinding, loadTree } from '../../checkpoint/index.js'
import { openWeights } from '../../formats/index.js'
import { createLinear, linear, type Linear } from '../../nn/index.js'
import { type Activation, map, sum, type Tensor } from '../../tensor/index.js'
import { jsonFile, type StoredModule } from './modules.js'
import { torchActivation } from './torch-activation.js'

/** activation(x · weight + bias) */
export interface Dense {
  readonly map: Linear<'width', 'made'>
  readonly activation: Activation | undefined
}

/** Where its weights stand in files. */
export const denseBindings: Bindings = {
  leaves: linearBinding('map', { file: 'linear', from: 'width', to: 'made' }),
}

/** A vector for each text. */
export type Vectors = Tensor<'batch' | 'width'>

/**
 * Reads a `2_Dense` for vectors of `width` numbers.
 *
 * @param input what it is put on: of texts, or of tokens
 * @throws FormatError where its files are missing or wrong, or belong to another width
 */
export function readDense(
  { folder, named }: StoredModule,
  width: number,
  input: 'sentence_embedding' | 'token_embeddings' = 'sentence_embedding',
): Dense {
  const config = jsonFile(folder, 'config.json') ?? named.refuse(`a folder '${folder}' with config.json`)
  config.only([
    'in_features',
    'out_features',
    'bias',
    'activation_function',
    'module_input_name',
    'module_output_name',
    'use_residual',
  ])
  if (config.member('use_residual').boolean(false)) config.member('use_residual').refuse('false')
  for (const name of ['module_input_name', 'module_output_name']) {
    const place = config.member(name)
    if (!place.isNull && place.value !== input) place.refuse(`'${input}'`)
  }
  const inputs = config.member('in_features')
  if (inputs.count() !== width) inputs.refuse(`${width}, what the module before it makes`)
  const outputs = config.member('out_features')
  const made = outputs.count(2 ** 24)
  if (made === 0) outputs.refuse('at least one number')
  const bias = config.member('bias').boolean(true)
  const like = {
    map: createLinear(randomKey(0), { width }, { made }, { bias, initializer: describing }),
  }
  const { map } = openWeights(folder, (files) => loadTree(files, like, denseBindings, { file: folder }))
  const spelled = config.member('activation_function')
  return { map, activation: spelled.isNull ? undefined : torchActivation(spelled) }
}

export function throughDenseModule({ map, activation }: Dense, vectors: Vectors): Vectors {
  return linear<'batch' | 'width', 'width', 'made'>(map, vectors, 'width', { activation }).rename({
    made: 'width',
  })
}

/** Each vector made of length 1; one of zeros stays. */
export function normalized(vectors: Vectors): Vectors {
  const squares = sum(
    map((value) => value.mul(value), vectors),
    'width',
  )
  return vectors.div(map((square) => square.sqrt().max(1e-12), squares))
}
