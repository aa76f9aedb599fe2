import { describe, expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { heedName, hookNames } from './index.js'

describe("TransformerLens' names", () => {
  test.each([
    ['hook_embed', 'embedding'],
    ['hook_pos_embed', 'position'],
    ['blocks.0.hook_resid_pre', 'blocks.0.residualBefore'],
    ['blocks.0.ln1.hook_scale', 'blocks.0.attentionNorm.scale'],
    ['blocks.0.ln1.hook_normalized', 'blocks.0.attentionNorm.output'],
    ['blocks.11.attn.hook_q', 'blocks.11.attention.query'],
    ['blocks.0.attn.hook_k', 'blocks.0.attention.key'],
    ['blocks.0.attn.hook_v', 'blocks.0.attention.value'],
    ['blocks.0.attn.hook_rot_q', 'blocks.0.attention.rotatedQuery'],
    ['blocks.0.attn.hook_rot_k', 'blocks.0.attention.rotatedKey'],
    ['blocks.0.attn.hook_attn_scores', 'blocks.0.attention.scores'],
    ['blocks.*.attn.hook_pattern', 'blocks.*.attention.filter'],
    ['blocks.0.attn.hook_z', 'blocks.0.attention.mixed'],
    ['blocks.0.attn.hook_result', 'blocks.0.attention.outputPerHead'],
    ['blocks.0.hook_attn_out', 'blocks.0.attention.output'],
    ['blocks.0.hook_resid_mid', 'blocks.0.residualMiddle'],
    ['blocks.0.ln2.hook_scale', 'blocks.0.feedForwardNorm.scale'],
    ['blocks.0.ln2.hook_normalized', 'blocks.0.feedForwardNorm.output'],
    ['blocks.0.mlp.hook_pre', 'blocks.0.feedForward.preActivation'],
    ['blocks.0.mlp.hook_pre_linear', 'blocks.0.feedForward.up'],
    ['blocks.0.mlp.hook_post', 'blocks.0.feedForward.hidden'],
    ['blocks.0.hook_mlp_out', 'blocks.0.feedForward.output'],
    ['blocks.0.hook_resid_post', 'blocks.0.residualAfter'],
    ['ln_final.hook_scale', 'finalNorm.scale'],
    ['ln_final.hook_normalized', 'finalNorm.output'],
    ['encoder.1.attn.hook_pattern', 'encoder.1.attention.filter'],
    ['decoder.1.cross_attn.hook_q', 'decoder.1.crossAttention.query'],
    ['decoder.1.hook_cross_attn_out', 'decoder.1.crossAttention.output'],
    ['decoder.1.hook_resid_mid_cross', 'decoder.1.residualMiddleCross'],
    ['decoder.1.ln2.hook_normalized', 'decoder.1.crossAttentionNorm.output'],
    ['decoder.1.ln3.hook_normalized', 'decoder.1.feedForwardNorm.output'],
  ])('%s is %s', (hook, name) => expect(heedName(hook)).toBe(name))

  test("heed's own names stay as they are", () => {
    for (const name of ['blocks.0.attention.query', 'logits', 'attn', 'a.*.b'])
      expect(heedName(name)).toBe(name)
  })

  test.each([
    ['blocks.0.attn.hook_patern', "'blocks.0.attn.hook_pattern'"],
    ['blocks.0.hook_q', "'blocks.0.hook_"],
    ['blocks.0.mlp.hook_q', "'blocks.0.mlp.hook_pre'"],
  ])('%s is refused, with the nearest', (hook, nearest) => {
    expect(() => heedName(hook)).toThrow(UsageError)
    expect(() => heedName(hook)).toThrow(nearest)
  })

  test('every one that is known is in the list', () => {
    expect(hookNames.length).toBeGreaterThanOrEqual(23)
    for (const { hook } of hookNames) expect(hook).toMatch(/^hook_/)
  })
})
