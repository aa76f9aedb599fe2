import { describe, expect, test } from 'vitest'
import { checkTexts, realCase, whyNot } from './testing/real.js'

// The small real model; real.long.test.ts has the larger ones.

const found = realCase('stories260k')

describe.skipIf(typeof found === 'string')(`stories260k${whyNot(found)}`, () => {
  test('200 tokens as others found', async () => expect(await checkTexts(found)).toEqual([]))
})
