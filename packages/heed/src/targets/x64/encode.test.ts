import { describe, expect, test } from 'vitest'
import { randomKey } from '../../base/index.js'
import { instructionNames } from './instructions.js'
import { differences, hasBinutils, reassembled } from './testing/binutils.js'
import { casesOf, randomInstruction, unreachedForms } from './testing/cases.js'

const seed = Number(process.env['HEED_SEED'] ?? 1)
const names = instructionNames()

test('every form of every instruction can be reached', () => {
  const unreached = names.map((name) => [name, unreachedForms(name)] as const)
  expect(unreached.filter(([, forms]) => forms.length > 0)).toEqual([])
})

describe.skipIf(!hasBinutils())('objdump reads what was meant (binutils 2.38 or newer to run)', () => {
  test('in every form, with every kind of operand', () => {
    for (let i = 0; i < names.length; i += 50)
      expect(differences(names.slice(i, i + 50).flatMap(casesOf)).slice(0, 20)).toEqual([])
  })

  test('at random', () => {
    const key = randomKey(seed, 'encode.test')
    const instructions = Array.from({ length: 3000 }, (_, i) => randomInstruction(key, 64 * i))
    expect(differences(instructions).slice(0, 20)).toEqual([])
  })

  test('as assembles what we print to the same', () => {
    const key = randomKey(seed, 'encode.test', 'as')
    const instructions = Array.from({ length: 3000 }, (_, i) => randomInstruction(key, 64 * i))
    // Where a jump leads is not said by its text alone.
    const unrelated = instructions.filter(({ operands }) => operands[0]?.kind !== 'label')
    expect(reassembled(unrelated).slice(0, 20)).toEqual([])
  })
})
