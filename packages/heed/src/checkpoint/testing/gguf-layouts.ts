import {
  bertNames,
  gpt2Names,
  llamaNames,
  type NamePair,
  neoxNames,
  phi3Names,
  postNormNames,
  t5Names,
} from './gguf-names.js'

/**
 * How GGUF keeps the weights of an architecture, where that isn't as the hub does. Written from llama.cpp's
 * own conversion, and checked with it: models that `ggufFromHub` wrote gave the original's logits there.
 */
export interface GgufLayout {
  readonly names: readonly NamePair[]
  /**
   * The rows of each head's query and key stand in `pairs` that turn together. Otherwise as in the hub, where
   * a number of the first half turns with one of the second.
   */
  readonly rotaryRows?: 'pairs'
  /** Norms' weights are 1 more than in the hub. */
  readonly normOffset?: 1
  /**
   * Query, key and value are one tensor. `joined`: all queries, then keys, then values, where the hub has
   * them by heads.
   */
  readonly fused?: 'hub' | 'joined'
  /** Linear maps are [in, out] in the hub, and [out, in] here as everywhere. */
  readonly transposed?: true
}

/** By `general.architecture`. */
export const ggufLayouts: Readonly<Record<string, GgufLayout>> = {
  llama: { names: llamaNames, rotaryRows: 'pairs' },
  qwen2: { names: llamaNames },
  qwen3: { names: llamaNames },
  gemma2: { names: postNormNames, normOffset: 1 },
  gemma3: { names: postNormNames, normOffset: 1 },
  phi3: { names: phi3Names, fused: 'hub' },
  olmo2: { names: postNormNames },
  gpt2: { names: gpt2Names, fused: 'hub', transposed: true },
  gptneox: { names: neoxNames, fused: 'joined' },
  bert: { names: bertNames },
  t5: { names: t5Names },
}
