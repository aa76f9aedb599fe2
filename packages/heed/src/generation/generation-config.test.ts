import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FormatError, HeedError, readJson } from '../base/index.js'
import { type GenerationConfig, parseGenerationConfig, write } from './index.js'
import { scatteredWritable } from './testing/table-writable.js'

const parsed = (content: object): GenerationConfig =>
  parseGenerationConfig(
    readJson(new TextEncoder().encode(JSON.stringify(content)), {
      operation: 'loadModel',
      file: 'generation_config.json',
    }),
  )

test('an empty one: the likeliest token each time', () =>
  expect(parsed({})).toEqual({ options: { temperature: 0 } }))

test('every field that heed follows', () => {
  const found = parsed({
    max_new_tokens: 30,
    max_length: 50,
    min_length: 3,
    eos_token_id: [2, 5],
    stop_strings: 'END',
    do_sample: true,
    temperature: 0.6,
    top_k: 20,
    top_p: 0.95,
    min_p: 0.05,
    typical_p: 0.9,
    num_return_sequences: 2,
    repetition_penalty: 1.1,
    no_repeat_ngram_size: 3,
    bad_words_ids: [[7], [8, 9]],
    sequence_bias: [[[4, 5], -2.5]],
    forced_bos_token_id: 6,
    forced_eos_token_id: 2,
    suppress_tokens: [1],
    begin_suppress_tokens: [3],
    prompt_lookup_num_tokens: 8,
    decoder_start_token_id: 0,
    bos_token_id: 1,
    pad_token_id: 3,
  })
  expect(found).toEqual({
    options: {
      tokens: 30,
      maxLength: 50,
      minLength: 3,
      stop: [2, 5],
      stopStrings: ['END'],
      temperature: 0.6,
      topK: 20,
      topP: 0.95,
      minP: 0.05,
      typicalP: 0.9,
      perPrompt: 2,
      repetitionPenalty: 1.1,
      noRepeatNgram: 3,
      forbidden: [[7], [8, 9]],
      sequenceBias: [[[4, 5], -2.5]],
      forcedBegin: 6,
      forcedEnd: [2],
      suppressed: [1],
      suppressedAtBegin: [3],
      lookup: { tokens: 8, ngram: 2 },
    },
    decoderStart: 0,
    begin: 1,
  })
  expect(parsed({ num_beams: 4, early_stopping: 'never', length_penalty: 2 }).options).toEqual({
    temperature: 0,
    beams: 4,
    earlyStopping: 'never',
    lengthPenalty: 2,
  })
})

test('defaults of drawing: of the 50 likeliest; 0 is all', () => {
  expect(parsed({ do_sample: true }).options).toEqual({ temperature: 1, topK: 50 })
  expect(parsed({ do_sample: true, top_k: 0 }).options).toEqual({ temperature: 1 })
})

test('minTokens counts where both lengths are there', () =>
  expect(parsed({ min_length: 5, min_new_tokens: 2 }).options).toEqual({ temperature: 0, minTokens: 2 }))

test('what changes nothing is passed over', () => {
  const harmless = {
    use_cache: false,
    output_attentions: true,
    return_dict_in_generate: true,
    transformers_version: '4.40.0',
    _from_model_config: true,
    cache_implementation: 'hybrid',
    diversity_penalty: 0.0,
    num_beam_groups: 1,
    encoder_no_repeat_ngram_size: 0,
    guidance_scale: null,
    epsilon_cutoff: 0,
    alignment_heads: [[3, 1]],
    chat_format: 'chatml',
  }
  expect(parsed(harmless)).toEqual({ options: { temperature: 0 } })
})

test.each([
  ['penalty_alpha', { penalty_alpha: 0.6 }],
  ['num_beam_groups', { num_beam_groups: 2 }],
  ['guidance_scale', { guidance_scale: 1.5 }],
  ['exponential_decay_length_penalty', { exponential_decay_length_penalty: [5, 1.1] }],
  ['epsilon_cutoff', { epsilon_cutoff: 3e-4 }],
  ['watermarking_config', { watermarking_config: {} }],
  ['do_sample', { do_sample: true, num_beams: 3 }],
  ['renormalize_logits', { renormalize_logits: true, num_beams: 3 }],
  ['max_length', { max_length: -1 }],
  ['temperature', { temperature: 'hot' }],
  ['bad_words_ids', { bad_words_ids: [3] }],
  ['sequence_bias', { sequence_bias: [[[1]]] }],
  ['eos_token_id', { eos_token_id: [1.5] }],
  ['decoder_start_token_id', { decoder_start_token_id: [1, 2] }],
  ['early_stopping', { early_stopping: 'always' }],
])('refuses %s by name and place', (name, content) => {
  expect(() => parsed(content)).toThrow(FormatError)
  expect(() => parsed(content)).toThrow(new RegExp(`${name}.*generation_config.json`))
})

test('whatever such a file says: a text, or an error that heed throws on purpose', () => {
  const names = `max_new_tokens max_length min_length min_new_tokens early_stopping eos_token_id do_sample
    temperature top_k top_p min_p typical_p num_beams num_return_sequences length_penalty repetition_penalty
    no_repeat_ngram_size bad_words_ids sequence_bias forced_bos_token_id forced_eos_token_id suppress_tokens
    begin_suppress_tokens prompt_lookup_num_tokens max_matching_ngram_size decoder_start_token_id`
  const number = fc.oneof(
    fc.integer({ min: -2, max: 9 }),
    fc.constantFrom(0.5, 1e9, 2 ** 53, 1e300, -1e300, 5e-324),
  )
  const ids = fc.array(fc.integer({ min: -1, max: 9 }), { maxLength: 3 })
  const value = fc.oneof(
    number,
    ids,
    fc.array(ids, { maxLength: 2 }),
    fc.array(fc.tuple(ids, number), { maxLength: 2 }),
    fc.constantFrom(null, true, false, 'never', '', {}),
  )
  const file = fc.dictionary(fc.constantFrom(...names.split(/\s+/)), value, { maxKeys: 5 })
  return fc.assert(
    fc.asyncProperty(file, async (content) => {
      const stopping = { aborted: false }
      setTimeout(() => (stopping.aborted = true), 5)
      try {
        const { options } = parsed(content)
        await write(scatteredWritable(8, 30), [[1, 2]], { ...options, signal: stopping })
      } catch (error) {
        expect(error).toBeInstanceOf(HeedError)
      }
    }),
    { numRuns: 300 },
  )
})
