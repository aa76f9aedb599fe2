import { expect, test } from 'vitest'
import { checkTexts, realCase } from './testing/real.js'

// The small real model; real.long.test.ts has the larger ones.

const found = realCase('stories260k')

test.skipIf(typeof found === 'string')(
  typeof found === 'string' ? found : 'stories260k writes 200 tokens as others found',
  async () => expect(await checkTexts(found)).toEqual([]),
)
