import { describe, expect, test } from 'vitest'
import { randomKey } from '../../base/index.js'
import { differences, hasBinutils, reassembled } from './testing/binutils.js'
import { randomInstruction } from './testing/cases.js'

const seed = Number(process.env['HEED_SEED'] ?? 1)
const count = 100_000 * Number(process.env['HEED_LONG'] ?? 1)
const piece = 10_000

describe.skipIf(!hasBinutils())('many instructions at random (binutils 2.38 or newer to run)', () => {
  test(
    'objdump reads what was meant, of our bytes and of those that as makes of our text',
    { timeout: 1e9 },
    () => {
      const key = randomKey(seed, 'encode.long.test')
      for (let first = 0; first < count; first += piece) {
        const instructions = Array.from({ length: piece }, (_, i) => randomInstruction(key, 64 * (first + i)))
        expect(differences(instructions).slice(0, 20)).toEqual([])
        const unrelated = instructions.filter(({ operands }) => operands[0]?.kind !== 'label')
        expect(reassembled(unrelated).slice(0, 20)).toEqual([])
      }
    },
  )
})
