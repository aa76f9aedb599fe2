import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeedError, UsageError } from '../base/index.js'
import { chatIds, modelChat, pipeline, type TextGenerationPipeline } from './index.js'
import { referenceModels } from '../models/testing/reference.js'
import { temporaryFolder } from './testing/tiny.js'
import { makeWritingFolder, type RecordedModel, recordedWriting } from './testing/writing.js'

const { prompts, sources, decoders, targets } = recordedWriting
const hasWritingModels = referenceModels !== undefined
const note = hasWritingModels ? '' : ' (HEED_SHARED names no folder with reference/models)'

/** Runs `use` with the folder of a recorded model. */
async function withModel<T>(
  recorded: RecordedModel,
  use: (folder: string) => Promise<T>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<T> {
  const folder = temporaryFolder()
  try {
    makeWritingFolder(referenceModels!, folder.path, recorded, more)
    return await use(folder.path)
  } finally {
    folder.remove()
  }
}

const withWriter = <T>(use: (write: TextGenerationPipeline) => Promise<T>): Promise<T> =>
  withModel(decoders[1]!, async (folder) => {
    const write = await pipeline('text-generation', folder)
    try {
      return await use(write)
    } finally {
      write.dispose()
    }
  })

describe.skipIf(!hasWritingModels)(`what transformers writes${note}`, () => {
  test.each(decoders)('$model', (recorded) =>
    withModel(recorded, async (folder) => {
      const write = await pipeline('text-generation', folder)
      for (const { options, texts } of recorded.calls) {
        const found = await write(prompts, options)
        found.forEach((own, i) => {
          const shown = own.map(({ generated_text: text }) => text.trimStart())
          // transformers leaves out the space between a prompt and what follows; transformers.js has it.
          const expected = texts[i]!.map((text) =>
            text.startsWith(prompts[i]!) ? `${prompts[i]} ${text.slice(prompts[i]!.length)}` : text,
          )
          expect(shown.join('\n')).toBe(expected.join('\n'))
        })
        expect(JSON.stringify(await write(prompts[0]!, options))).toBe(JSON.stringify(found[0]))
      }
      write.dispose()
    }),
  )

  test.each(targets)('$model: $task', (recorded) =>
    withModel(recorded, async (folder) => {
      const made = await pipeline(recorded.task!, folder)
      const make = made as unknown as (input: unknown, options: unknown) => Promise<unknown>
      for (const { options, texts } of recorded.calls) {
        const found = (await make(sources, options)) as readonly unknown[]
        const shown = found.map((own) =>
          ([own].flat() as Record<string, string>[]).map(
            (one) => one['summary_text'] ?? one['translation_text'] ?? one['generated_text'],
          ),
        )
        expect(shown.map((own) => own.join('|')).join('\n')).toBe(
          texts.map((own) => own.join('|')).join('\n'),
        )
        expect(JSON.stringify([await make(sources[1]!, options)].flat())).toBe(
          JSON.stringify([found[1]].flat()),
        )
      }
      made.dispose()
    }),
  )
})

describe.skipIf(!hasWritingModels)(`text-generation${note}`, () => {
  test('drawn texts are those of their seed, whatever is written beside them', () =>
    withWriter(async (write) => {
      const options = { do_sample: true, max_new_tokens: 5, num_return_sequences: 2, seed: 7 }
      const together = await write(prompts, { ...options, batchTokens: 1000 })
      const apart = await write(prompts, { ...options, batchTokens: 1 })
      expect(JSON.stringify(apart)).toBe(JSON.stringify(together))
      const second = await write(prompts[1]!, { ...options, seed: 9 })
      expect(JSON.stringify(second)).toBe(JSON.stringify(together[1]))
      expect(together[0]![0]!.generated_text).not.toBe(together[0]![1]!.generated_text)
    }))

  test('pieces as they come are the text', () =>
    withWriter(async (write) => {
      const streamed = prompts.map(() => '')
      const found = await write(prompts, {
        max_new_tokens: 6,
        return_full_text: false,
        streamer: (text, { input }) => (streamed[input] += text),
      })
      expect(streamed.join('\n')).toBe(found.map(([one]) => one!.generated_text).join('\n'))
    }))

  test('strings end a text before them, and the reason is said', () =>
    withWriter(async (write) => {
      const [whole] = await write(prompts[0]!, { max_new_tokens: 8, return_full_text: false })
      expect([whole!.finish_reason, whole!.tokens]).toEqual(['length', 8])
      const third = whole!.generated_text.trim().split(' ')[2]!
      const [cut] = await write(prompts[0]!, {
        max_new_tokens: 8,
        return_full_text: false,
        stop_strings: [third],
      })
      expect(cut!.finish_reason).toBe('stop')
      expect(whole!.generated_text.startsWith(cut!.generated_text)).toBe(true)
      expect(cut!.generated_text).not.toContain(third)
    }))

  test('attention: filters of all tokens, prompt and text', () =>
    withWriter(async (write) => {
      const found = await write(prompts[0]!, { max_new_tokens: 3, attention: true })
      const { filters, labels } = found.attention
      expect((labels as readonly string[]).slice(0, 4)).toEqual(['<s>', 'w5', 'w9', 'w12'])
      const [filter] = Object.values(filters)
      expect([filter!.size('query'), filter!.size('key')]).toEqual([7, 7])
      const weights = filter!.at('head', 0).values(['query', 'key'])
      expect(weights.slice(0, 7).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 5)
      const two = await write(prompts[0]!, {
        max_new_tokens: 2,
        num_beams: 2,
        num_return_sequences: 2,
        attention: true,
      })
      expect(Object.keys(two.attention.filters).some((name) => name.startsWith('sequences.1.'))).toBe(true)
    }))

  test('a signal stops it', () =>
    withWriter(async (write) => {
      const signal = { aborted: false, reason: new Error('enough') }
      const streamer = (): void => void (signal.aborted = true)
      await expect(write(prompts, { signal, streamer, max_new_tokens: 100 })).rejects.toThrow('enough')
    }))

  test.each([
    [{ temperature: 'hot' }, 'temperature'],
    [{ do_sample: true, temperature: NaN }, 'temperature'],
    [{ max_new_tokens: -1 }, 'max_new_tokens'],
    [{ num_beams: 2, do_sample: true }, 'do_sample'],
    [{ num_return_sequences: 3, num_beams: 2 }, 'num_return_sequences of at most num_beams'],
    [{ top_p: 2, do_sample: true }, 'text-generation: expected top_p above 0, at most 1, found 2'],
    [{ stop_strings: '' }, 'stop_strings of whole characters, none of them empty, found the text ""'],
    [{ return_full_text: 'no' }, 'return_full_text to be true or false'],
    [{ attention: 'no' }, 'attention to be true or false'],
    [{ specials: 'some' }, 'specials'],
    [{ signal: {} }, 'an AbortSignal'],
    [{ max_tokens: 3 }, 'max_new_tokens'],
    [{ streamer: {} }, 'streamer'],
    [{ seed: 0.5 }, 'seed'],
    [{ penalty_alpha: 1 }, 'penalty_alpha'],
  ])('refuses %j', (options, named) =>
    withWriter(async (write) => {
      const error = await write('w5', options as never).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(UsageError)
      expect((error as UsageError).message).toContain(named)
      expect((error as UsageError).message).not.toMatch(/ at \d+:\d+/)
    }),
  )

  test('an input that can’t be run has its error, and the others their texts', () =>
    withWriter(async (write) => {
      const long = 'w5 '.repeat(400)
      const longest = 'w5 '.repeat(333_334)
      const inputs = ['w5', long, 3 as never, [{ role: 'user', content: 'w5' }] as never, '', '🙂', longest]
      const found = await write(inputs, { max_new_tokens: 2, errors: 'return' })
      expect(found.map((one) => one instanceof HeedError).join()).toBe(
        'false,true,true,true,false,false,true',
      )
      expect((found[1] as HeedError).message).toContain('fewer than 128 tokens')
      expect((found[3] as HeedError).message).toContain('messages')
      await expect(write(inputs, { max_new_tokens: 2 })).rejects.toThrow(UsageError)
      await expect(write([{ role: 'user', content: 'w5' }] as never)).rejects.toThrow('messages')
    }))

  test('any text gives a text that begins with it', () =>
    withWriter(async (write) =>
      fc.assert(
        fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 30 }), async (text) => {
          const [one] = await write(text, { max_new_tokens: 2 })
          expect(one!.generated_text.startsWith(text)).toBe(true)
          expect(one!.tokens).toBeLessThanOrEqual(2)
        }),
        { numRuns: 10 },
      ),
    ))
})

describe.skipIf(!hasWritingModels)(`conversations${note}`, () => {
  const chat_template =
    "{{ bos_token }}{% for message in messages %}{{ ' ' + message.role | replace('user', 'w20') + ' ' + " +
    "message.content }} </s>{% endfor %}{{ ' w21' if add_generation_prompt }}"
  const more = {
    'tokenizer_config.json': { chat_template, bos_token: { content: '<s>' }, eos_token: '</s>' },
  }
  const messages = [
    { role: 'user', content: 'w5 w9' },
    { role: 'w30', content: 'w6' },
  ]

  test('messages become the ids of their template, and the answer a message', () =>
    withModel(
      decoders[1]!,
      async (folder) => {
        const write = await pipeline('text-generation', folder)
        const options = { max_new_tokens: 4 }
        const [found] = await write(messages, options)
        const chat = modelChat('test', write.model)
        const ids = chatIds(chat, write.tokenizer, messages)
        expect([...ids]).toEqual([1, 20, 5, 9, 2, 30, 6, 2, 21])
        const prompt = 'w20 w5 w9 </s> w30 w6 </s> w21'
        expect(write.tokenizer.decode(ids)).toBe(`<s> ${prompt}`)
        const answer = found!.generated_text.at(-1)!
        expect(found!.generated_text.slice(0, 2)).toEqual(messages)
        expect(answer.role).toBe('assistant')
        expect((answer.content as string).trim().split(' ').length).toBe(4)
        const both = await write([messages, messages.slice(0, 1)], options)
        expect(JSON.stringify(both[0]![0])).toBe(JSON.stringify(found))
        expect(write.textOf(messages)).toBe('w5 w9\nw6')
        write.dispose()
      },
      more,
    ))

  test('no message writes a special token', () =>
    withModel(
      decoders[1]!,
      async (folder) => {
        const write = await pipeline('text-generation', folder)
        const chat = modelChat('test', write.model)
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.constantFrom('w5', ' ', '</s>', '<s>', '\uE000', '\uE001', '0', '<pad>'), {
              maxLength: 12,
            }),
            async (parts) => {
              const ids = [...chatIds(chat, write.tokenizer, [{ role: 'user', content: parts.join('') }])]
              expect(ids.filter((id) => id === 2).length).toBe(1)
              expect(ids.filter((id) => id === 1 || id === 3).join()).toBe('1')
            },
          ),
        )
        write.dispose()
      },
      more,
    ))
})

describe.skipIf(!hasWritingModels)(`texts from texts${note}`, () => {
  const [t5, bart, m2m100] = targets

  test('a long text is cut and says so, or gives a text for each part, or is refused', () =>
    withModel(bart!, async (folder) => {
      const make = await pipeline('text2text-generation', folder)
      const long = Array.from({ length: 150 }, (_, i) => `w${20 + (i % 90)}`).join(' ')
      const options = { num_beams: 1, max_new_tokens: 4 }
      const [cut] = await make(long, options)
      expect(cut!.truncated).toBe(150 - 62)
      const kept = long.split(' ').slice(0, 62).join(' ')
      expect((await make(kept, options))[0]!.generated_text).toBe(cut!.generated_text)
      const [joined] = await make(long, { ...options, long_input: 'windows' })
      const words = long.split(' ')
      const parts = [words.slice(0, 62), words.slice(62, 124), words.slice(124)].map((part) => part.join(' '))
      const alone = await make(parts, options)
      expect(joined!.generated_text).toBe(alone.map(({ generated_text: text }) => text).join(' '))
      expect(joined!.truncated).toBeUndefined()
      await expect(make(long, { ...options, long_input: 'error' })).rejects.toThrow('at most 64 tokens')
      make.dispose()
    }))

  test('attention: among the source, among the target, and across', () =>
    withModel(t5!, async (folder) => {
      const make = await pipeline('summarization', folder)
      const found = await make('w30 w31', { max_new_tokens: 3, attention: true })
      const { filters, labels } = found.attention
      const name = Object.keys(filters).find((one) => one.includes('crossAttention'))!
      const filter = filters[name]!
      const own = (labels as Record<string, { query: string[]; key: string[] }>)[name]!
      expect(own.key).toEqual(['w20', 'w21', 'w30', 'w31', '</s>'])
      expect([own.query.length, own.key.length]).toEqual([filter.size('query'), filter.size('key')])
      const rows = filter.at('head', 0).values(['query', 'key'])
      expect(rows.slice(0, 5).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 5)
      make.dispose()
    }))

  test('languages: one that isn’t known, and a model without any', () =>
    withModel(m2m100!, async (folder) => {
      const translate = await pipeline('translation', folder)
      await expect(translate('w30', { tgt_lang: '__fx__' })).rejects.toThrow("did you mean '__fr__'")
      translate.dispose()
      await withModel(t5!, async (other) => {
        const without = await pipeline('translation', other)
        await expect(without('w30', { src_lang: 'en', tgt_lang: 'de' })).rejects.toThrow(
          'no tokens of languages',
        )
        without.dispose()
      })
    }))

  test('a task of two languages has a prefix of its own (T5)', () =>
    withModel(
      { ...t5!, config: { task_specific_params: { translation_en_to_de: { prefix: 'w20 w21 ' } } } },
      async (folder) => {
        const translate = await pipeline('translation', folder)
        const options = { num_beams: 1, max_new_tokens: 4 }
        const [made] = await translate('w30', { ...options, src_lang: 'en', tgt_lang: 'de' })
        const [plain] = await translate('w20 w21 w30', options)
        expect(made!.translation_text).toBe(plain!.translation_text)
        translate.dispose()
      },
    ))

  test('errors of inputs stand in their places', () =>
    withModel(t5!, async (folder) => {
      const make = await pipeline('summarization', folder)
      const found = await make(['w30', null as never, '', 'w30 '.repeat(250_000), '🙂'], {
        errors: 'return',
        max_new_tokens: 2,
        num_beams: 1,
      })
      expect(found.map((one) => one instanceof HeedError).join()).toBe('false,true,false,false,false')
      await expect(make('w30', { long_input: 'some' as never })).rejects.toThrow(UsageError)
      await expect(make('w30', { tgt_lang: 'de' } as never)).rejects.toThrow(UsageError)
      make.dispose()
    }))
})

test.skipIf(!hasWritingModels)(`a model of another family is refused${note}`, () =>
  withModel(decoders[0]!, async (folder) => {
    await expect(pipeline('summarization', folder)).rejects.toThrow(UsageError)
    await withModel(targets[0]!, async (other) => {
      await expect(pipeline('text-generation', other)).rejects.toThrow(UsageError)
      await expect(pipeline('feature-extraction', other)).rejects.toThrow(UsageError)
      await expect(pipeline('rerank', other)).rejects.toThrow(UsageError)
    })
  }),
)
