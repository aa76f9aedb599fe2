/** The weights of a BERT checkpoint as `encoder` works have them. */
import { withSafetensors } from 'heed'
import type { EncoderWork, Inputs } from './peer.js'

const parts: Readonly<Record<string, string>> = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  output: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  hidden: 'intermediate.dense',
  projection: 'output.dense',
  norm: 'output.LayerNorm',
}
const tables = { word: 'word', position: 'position', type: 'token_type' }

/** Those of the file, whose maps are [out, in], as [in, out]. */
export function bertParameters(path: string, { layers }: EncoderWork): Inputs['encoder']['parameters'] {
  return withSafetensors(path, ({ tensors }) => {
    const made: Record<string, { shape: readonly number[]; values: Float32Array }> = {}
    const take = (name: string, stored: string, isMap = false): void => {
      const tensor = tensors.get(stored)
      if (tensor === undefined) throw new Error(`${path} has no ${stored}`)
      const given = Float32Array.from(tensor.data as Float32Array)
      if (!isMap) return void (made[name] = { shape: [...tensor.shape], values: given })
      const [out, input] = tensor.shape as [number, number]
      const values = new Float32Array(given.length)
      for (let row = 0; row < out; row++)
        for (let column = 0; column < input; column++)
          values[column * out + row] = given[row * input + column]!
      made[name] = { shape: [input, out], values }
    }
    for (const [name, stored] of Object.entries(tables)) take(name, `embeddings.${stored}_embeddings.weight`)
    take('embeddingNormScale', 'embeddings.LayerNorm.weight')
    take('embeddingNormShift', 'embeddings.LayerNorm.bias')
    for (let layer = 0; layer < layers; layer++)
      for (const [part, stored] of Object.entries(parts)) {
        const [name, at] = [`layer${layer}.${part}`, `encoder.layer.${layer}.${stored}`]
        const isNorm = stored.endsWith('LayerNorm')
        take(`${name}${isNorm ? 'Scale' : 'Weight'}`, `${at}.weight`, !isNorm)
        take(`${name}${isNorm ? 'Shift' : 'Bias'}`, `${at}.bias`)
      }
    return made
  })
}
