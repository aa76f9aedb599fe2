import { expect, test } from 'vitest'
import { HeedError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { attention, attentionFilter, capture, ones, scope, withDevice, zeros } from '../tensor/index.js'
import * as nn from './index.js'

// What callers from plain JavaScript may write: each is told in the words of the function that they called.

const device = new Device(interpreter)
// oxlint-disable-next-line typescript/no-explicit-any
const js = nn as any
const floats = (): unknown => zeros({ key: 2 })
const whole = (): unknown => zeros({ key: 2 }, { dtype: 'i32' })

const cases: Record<string, [work: () => unknown, says: string]> = {
  'explicit(f32)': [
    () => js.explicit(floats()),
    'explicit: expected allowed as an i32 tensor, found f32 key 2',
  ],
  'explicit()': [() => js.explicit(), 'explicit: expected allowed as a tensor, found undefined'],
  'explicit(array)': [() => js.explicit([1, 0]), 'explicit: expected allowed as a tensor, found object'],
  'padding(f32)': [() => js.padding(floats()), 'padding: expected real as an i32 tensor'],
  'padding(null)': [() => js.padding(null), 'padding: expected real as a tensor, found null'],
  'padding by token': [
    () => js.padding(zeros({ token: 2 }, { dtype: 'i32' })),
    "padding: expected an axis 'key' or 'position', found i32 token 2",
  ],
  'sameDocument(f32)': [() => js.sameDocument(floats()), 'sameDocument: expected keys as an i32 tensor'],
  'sameDocument(i32, f32)': [
    () => js.sameDocument(whole(), zeros({ query: 2 })),
    'sameDocument: expected queries as an i32 tensor',
  ],
  'sameDocument()': [() => js.sameDocument(), 'sameDocument: expected keys as a tensor, found undefined'],
  'prefix(f32)': [() => js.prefix(zeros({ batch: 2 })), 'prefix: expected length as an i32 tensor'],
  'prefix()': [() => js.prefix(), 'prefix: expected length as a tensor, found undefined'],
  'prefix by key': [() => js.prefix(whole()), 'prefix: expected a length for each position along batch axes'],
  'prefix(0.5)': [() => js.prefix(0.5), 'prefix: expected length to be a whole number'],
  'slidingWindow(NaN)': [() => js.slidingWindow(NaN), 'slidingWindow: expected size to be a whole number'],
  'slidingWindow()': [() => js.slidingWindow(), 'slidingWindow: expected size to be a whole number'],
  "slidingWindow('3')": [() => js.slidingWindow('3'), 'slidingWindow: expected size to be a whole number'],
  'slidingWindow(-1)': [() => js.slidingWindow(-1), 'at least 1, found -1'],
  'slidingWindow(2 ** 40)': [
    () => js.slidingWindow(2 ** 40),
    'slidingWindow: expected size to be at most 2147483647',
  ],
  'local(-1)': [() => js.local(-1), 'local: expected distance'],
  'chunked(Infinity)': [() => js.chunked(Infinity), 'chunked: expected size'],
  'firstKeys({})': [() => js.firstKeys({}), 'firstKeys: expected count'],
  'allOf()': [() => js.allOf(), 'allOf: expected at least one mask, found none'],
  'allOf(undefined)': [
    () => js.allOf(undefined),
    'allOf: expected masks, which are functions, found undefined',
  ],
  'anyOf(causal, 3)': [
    () => js.anyOf(js.causal, 3),
    'anyOf: expected masks, which are functions, found number',
  ],
  'anyOf([causal])': [() => js.anyOf([js.causal]), 'anyOf: expected masks, which are functions'],
  'not()': [() => js.not(), 'not: expected masks, which are functions, found undefined'],
  'bias(i32)': [() => js.bias(whole()), 'bias: expected added as an f32 tensor, found i32 key 2'],
  'bias()': [() => js.bias(), 'bias: expected added as a tensor, found undefined'],
  'alibi()': [() => js.alibi(), 'alibi: expected slopes as a tensor, found undefined'],
  'alibi of another axis': [() => js.alibi(zeros({ key: 2 })), 'alibi: expected slopes with the axes head'],
  'cosine(0)': [() => js.cosine(0), 'cosine: expected temperature to be a number above 0'],
  'cosine(null)': [() => js.cosine(null), 'cosine: expected temperature as a tensor, found null'],
  'cosine of another axis': [
    () => js.cosine(zeros({ key: 2 })),
    'cosine: expected temperature with the axes head',
  ],
  'softCap(NaN)': [() => js.softCap(NaN), 'softCap: expected cap to be a number above 0'],
  'softCap()': [() => js.softCap(), 'softCap: expected cap to be a number above 0'],
  't5Bias without options': [
    () => js.t5Bias(zeros({ bucket: 8, head: 1 })),
    't5Bias: expected options that say whether the table is bidirectional, found undefined',
  ],
  't5Bias without heads': [
    () => js.t5Bias(zeros({ bucket: 8 }), { bidirectional: true }),
    't5Bias: expected table with the axes bucket, head',
  ],
  't5Bias to NaN': [
    () => js.t5Bias(zeros({ bucket: 8, head: 1 }), { bidirectional: true, maximumDistance: NaN }),
    't5Bias: expected maximumDistance',
  ],
  'inOrder(3)': [() => js.inOrder(3), 'inOrder: expected scores, which are functions, found number'],
  'a mask that is none': [
    () => attention(query(), key(), key(), { mask: 'causal' as never }),
    'attention: expected a mask that returns a condition, found string',
  ],
  'a mask that is null': [
    () => attention(query(), key(), key(), { mask: null as never }),
    'attention: expected a mask that returns a condition, found null',
  ],
  'a score that is a tensor': [
    () => attentionFilter(query(), key(), { score: zeros({ key: 2 }) as never }),
    'attentionFilter: expected a score that returns a number expression, found object',
  ],
  'a score that adds a tensor': [
    () => attention(query(), key(), key(), { score: (score) => score.add(zeros({ key: 2 }) as never) }),
    'found object; in a score or mask read a tensor through capture(x).at({ head })',
  ],
  'a score that adds what capture gives': [
    () =>
      attention(query(), key(), key(), { score: (score) => score.add(capture(zeros({ key: 2 })) as never) }),
    'found object; say where to read it: capture(x).at({ head })',
  ],
  'queries along position': [
    () => attention(ones({ position: 2, width: 1 }) as never, key(), key()),
    "expected an axis 'query', found axes position, width; a query has the axes query and width",
  ],
  'a bias along an axis that is no position': [
    () => attention(query(), key(), key(), { score: js.bias(zeros({ token: 2 })) }),
    "attention: expected score and mask to read along axes of the attention: query, key, found 'token'",
  ],
  'a position of no axis': [
    () =>
      attention(query(), key(), key(), {
        mask: (({ row, key }: never) => (key as never as { lt(x: unknown): never }).lt(row)) as never,
      }),
    "attention: expected score and mask to read along axes of the attention: query, key, found 'row'",
  ],
}

const query = (): ReturnType<typeof ones<'query' | 'width'>> => ones({ query: 2, width: 1 })
const key = (): ReturnType<typeof ones<'key' | 'width'>> => ones({ key: 2, width: 1 })

test.each(Object.entries(cases))('%s', (_, [work, says]) => {
  withDevice(device, () =>
    scope(() => {
      let error: unknown
      try {
        work()
      } catch (thrown) {
        error = thrown
      }
      expect(error, String(error)).toBeInstanceOf(HeedError)
      expect((error as HeedError).message).toContain(says)
    }),
  )
})
