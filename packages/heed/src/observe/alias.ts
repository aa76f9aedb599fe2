/**
 * TransformerLens' hook names (github.com/TransformerLensOrg/TransformerLens), as heed calls the same values:
 * `blocks.0.attn.hook_q` is `blocks.0.attention.query`. A name without `hook_` is heed's own and stays as it
 * is.
 */
import { nearestPaths, UsageError } from '../base/index.js'

/** Modules, by the names that both give them. */
const modules: Readonly<Record<string, string>> = {
  attn: 'attention',
  cross_attn: 'crossAttention',
  mlp: 'feedForward',
  ln1: 'attentionNorm',
  ln2: 'feedForwardNorm',
  ln_final: 'finalNorm',
}
/** In a decoder that also attends to an encoder, the second norm stands before that attention. */
const crossModules: Readonly<Record<string, string>> = {
  ...modules,
  ln2: 'crossAttentionNorm',
  ln3: 'feedForwardNorm',
}

/** Hooks of each kind of module; '' for those of a block or of the model. */
const hooks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  attention: {
    hook_q: 'query',
    hook_k: 'key',
    hook_v: 'value',
    hook_rot_q: 'rotatedQuery',
    hook_rot_k: 'rotatedKey',
    hook_attn_scores: 'scores',
    hook_pattern: 'filter',
    hook_z: 'mixed',
    hook_result: 'outputPerHead',
  },
  feedForward: {
    hook_pre: 'preActivation',
    hook_pre_linear: 'up',
    hook_post: 'hidden',
  },
  norm: {
    hook_scale: 'scale',
    hook_normalized: 'output',
  },
  '': {
    hook_embed: 'embedding',
    hook_pos_embed: 'position',
    hook_resid_pre: 'residualBefore',
    hook_resid_mid: 'residualMiddle',
    hook_resid_mid_cross: 'residualMiddleCross',
    hook_resid_post: 'residualAfter',
    hook_attn_out: 'attention.output',
    hook_cross_attn_out: 'crossAttention.output',
    hook_mlp_out: 'feedForward.output',
  },
}

function hooksOf(module: string | undefined): Readonly<Record<string, string>> {
  if (module === undefined) return hooks['']!
  if (module === 'attention' || module === 'crossAttention') return hooks.attention!
  if (module === 'feedForward') return hooks.feedForward!
  return module === 'finalNorm' || module.endsWith('Norm') ? hooks.norm! : hooks['']!
}

/**
 * A name in heed's own words.
 *
 * @throws UsageError for a `hook_` that TransformerLens has not, or not there; it lists the nearest
 */
export function heedName(written: string): string {
  const parts = written.split('.')
  const hook = parts[parts.length - 1]!
  if (!hook.startsWith('hook_')) return written
  const names = parts[0] === 'decoder' ? crossModules : modules
  const path = parts.slice(0, -1).map((part) => names[part] ?? part)
  const known = hooksOf(path[path.length - 1])
  const name = known[hook]
  if (name === undefined)
    throw new UsageError({
      operation: 'observe',
      expected: 'a name of heed or one of TransformerLens',
      found: `'${written}'`,
      hint: `the nearest are ${nearestPaths(hook, Object.keys(known))
        .map((other) => `'${[...parts.slice(0, -1), other].join('.')}'`)
        .join(', ')}`,
    })
  return [...path, name].join('.')
}

/**
 * Every hook name of TransformerLens that heed understands, without its path, with heed's name for it: for
 * the guide and its test.
 */
export const hookNames: readonly { readonly module: string; readonly hook: string; readonly name: string }[] =
  Object.entries(hooks).flatMap(([module, known]) =>
    Object.entries(known).map(([hook, name]) => ({ module, hook, name })),
  )
