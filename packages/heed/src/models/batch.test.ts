import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { KeyValueCache, padding, sameDocument } from '../nn/index.js'
import { interpreter } from '../targets/index.js'
import { scope, slice, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { batchOf, createDecoder, decoderConfig, decoderLogits } from './index.js'
import { packRows } from './pack-rows.js'

const device = new Device(interpreter)
const on = (run: () => void): void => withDevice(device, () => scope(run))
const rows = (x: Tensor<'batch' | 'position'>): number[][] => {
  const values = [...x.values(['batch', 'position'])]
  const size = x.size('position')
  return Array.from({ length: x.size('batch') }, (_, row) => values.slice(row * size, (row + 1) * size))
}

describe('batches of texts', () => {
  const texts = [{ ids: [5, 6, 7] }, { ids: [8] }, { ids: Int32Array.of(1, 2, 3, 4) }, { ids: [] }]

  test('are filled up at the right, or at the left', () =>
    on(() => {
      const right = batchOf(texts, { pad: 9 })
      expect(rows(right.ids)).toEqual([
        [5, 6, 7, 9],
        [8, 9, 9, 9],
        [1, 2, 3, 4],
        [9, 9, 9, 9],
      ])
      expect(right.ids.dtype).toBe('i32')
      expect(rows(right.real)[1]).toEqual([1, 0, 0, 0])
      expect(rows(right.positions)[0]).toEqual([0, 1, 2, 0])
      expect([...right.lengths.values()]).toEqual([3, 1, 4, 0])
      expect(right.order).toEqual([0, 1, 2, 3])
      expect(right).not.toHaveProperty('types')
      const left = batchOf(texts, { pad: 9, side: 'left', multiple: 3, sort: true })
      expect(rows(left.ids)).toEqual([
        [9, 9, 1, 2, 3, 4],
        [9, 9, 9, 5, 6, 7],
        [9, 9, 9, 9, 9, 8],
        [9, 9, 9, 9, 9, 9],
      ])
      expect(rows(left.positions)[1]).toEqual([0, 0, 0, 0, 1, 2])
      expect(rows(left.real)[0]).toEqual([0, 0, 1, 1, 1, 1])
      expect(left.order).toEqual([2, 0, 1, 3])
      expect(rows(batchOf([{ ids: [] }], { pad: 9 }).ids)).toEqual([[9]])
    }))

  test("are cut, but for the template's tokens; of pairs the longer text", () =>
    on(() => {
      const framed = (...inner: number[]) => ({
        ids: [101, ...inner, 102],
        spans: [0, 0, ...inner.flatMap((_, i) => [i, i + 1]), 0, 0],
      })
      expect(rows(batchOf([framed(1, 2, 3, 4)], { pad: 0, maximum: 4 }).ids)).toEqual([[101, 1, 2, 102]])
      expect(rows(batchOf([{ ids: [1, 2, 3] }], { pad: 0, maximum: 2 }).ids)).toEqual([[1, 2]])
      const pair = [framed(1, 2, 3, 4, 5), { ids: [7, 8, 102], spans: [0, 1, 1, 2, 0, 0] }] as const
      const whole = batchOf([pair, [framed(1), { ids: [2] }]], { pad: 0 })
      expect(rows(whole.ids)[0]).toEqual([101, 1, 2, 3, 4, 5, 102, 7, 8, 102])
      expect(rows(whole.types!)).toEqual([
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ])
      const short = batchOf([pair], { pad: 0, maximum: 6 })
      expect(rows(short.ids)).toEqual([[101, 1, 2, 102, 7, 102]])
      expect(rows(short.types!)).toEqual([[0, 0, 0, 0, 1, 1]])
      expect(() => batchOf([pair], { pad: 0, maximum: 2 })).toThrow(/room for the template's tokens in 2/)
    }))

  test('of encodings keep what was added, leave padding out, and have their types', () =>
    on(() => {
      const encoding = {
        ids: [0, 101, 1, 2, 102, 7, 8, 9, 102],
        spans: [0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0],
        specialTokensMask: [1, 1, 0, 0, 1, 0, 0, 0, 1],
        attentionMask: [0, 1, 1, 1, 1, 1, 1, 1, 1],
        sequenceIds: [-1, -1, 0, 0, -1, 1, 1, 1, -1],
        typeIds: [3, 0, 0, 0, 0, 1, 1, 1, 1],
      }
      const whole = batchOf([encoding], { pad: 0 })
      expect(rows(whole.ids)).toEqual([[101, 1, 2, 102, 7, 8, 9, 102]])
      expect(rows(whole.types!)).toEqual([[0, 0, 0, 0, 1, 1, 1, 1]])
      const short = (maximum: number): number[] => rows(batchOf([encoding], { pad: 0, maximum }).ids)[0]!
      expect(short(7)).toEqual([101, 1, 2, 102, 7, 8, 102])
      expect(short(6)).toEqual([101, 1, 2, 102, 7, 102])
      expect(short(5)).toEqual([101, 1, 102, 7, 102])
      expect(short(3)).toEqual([101, 102, 102])
      expect(() => short(2)).toThrow(/room for the template's tokens in 2 positions/)
      const plain = batchOf([{ ...encoding, typeIds: encoding.ids.map(() => 0) }], { pad: 0 })
      expect(plain).not.toHaveProperty('types')
      expect(() => batchOf([{ ids: [1, 2], typeIds: [0] }], { pad: 0 })).toThrow(/typeIds as long as ids/)
    }))

  test('packed leave room for what fits nowhere, whatever the maximum', () =>
    on(() => {
      const many = Array.from({ length: 1000 }, (_, i) => ({ ids: [i] }))
      const batch = batchOf(many, { pad: 0, pack: true, maximum: 2 ** 40 })
      expect(batch.ids.shape).toEqual({ batch: 1, position: 1000 })
      expect(rows(batchOf([{ ids: [] }, { ids: [] }], { pad: 9, pack: true }).ids)).toEqual([[9]])
    }))

  test('packed hold each text once, and no two rows would fit into one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(40), { maxLength: 60 }),
        fc.integer({ min: 40, max: 100 }),
        (lengths, capacity) => {
          const packed = packRows(lengths, capacity)
          expect(packed.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
          const sums = packed.map((row) => row.reduce((sum, i) => sum + lengths[i]!, 0)).sort((a, b) => a - b)
          expect(sums.at(-1) ?? 0).toBeLessThanOrEqual(capacity)
          if (sums.length > 1) expect(sums[0]! + sums[1]!).toBeGreaterThan(capacity)
        },
      ),
    )
  })

  test('hold each text whole, whatever the lengths', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(1000), { maxLength: 9 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('left' as const, 'right' as const),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (all, side, multiple, sort) =>
          on(() => {
            const batch = batchOf(
              all.map((ids) => ({ ids })),
              { pad: 7, side, multiple, sort },
            )
            expect(batch.ids.size('position') % multiple).toBe(0)
            const real = rows(batch.real)
            const positions = rows(batch.positions)
            rows(batch.ids).forEach((row, r) => {
              const ids = row.filter((_, i) => real[r]![i] === 1)
              expect(ids).toEqual(all[batch.order[r]!])
              expect(positions[r]!.filter((_, i) => real[r]![i] === 1)).toEqual(ids.map((_, i) => i))
            })
          }),
      ),
    )
  })

  test('are packed: each text once and whole, in rows no longer than allowed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(1000), { maxLength: 9 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom('left' as const, 'right' as const),
        fc.boolean(),
        (all, maximum, side, sort) =>
          on(() => {
            const texts = all.map((ids) => ({ ids }))
            const batch = batchOf(texts, { pad: 7, maximum, pack: true, side, sort })
            const [ids, documents, positions, real] = [
              batch.ids,
              batch.documents!,
              batch.positions,
              batch.real,
            ].map(rows)
            expect(batch.ids.size('position')).toBeLessThanOrEqual(maximum)
            expect(batch.order.toSorted((a, b) => a - b)).toEqual(all.map((_, number) => number))
            let tokens = 0
            batch.places.forEach(({ row, start, end }, number) => {
              const own = all[number]!.slice(0, maximum)
              expect(ids![row]!.slice(start, end)).toEqual(own)
              expect(documents![row]!.slice(start, end)).toEqual(own.map(() => number))
              expect(positions![row]!.slice(start, end)).toEqual(own.map((_, i) => i))
              tokens += own.length
            })
            expect(real!.flat().reduce((sum, one) => sum + one, 0)).toBe(tokens)
            expect(documents!.flat().filter((number) => number >= 0)).toHaveLength(tokens)
            // No two rows would fit into one.
            const [shortest, next] = [...batch.lengths.values()].sort((a, b) => a - b)
            if (next !== undefined) expect(shortest! + next).toBeGreaterThan(maximum)
          }),
      ),
    )
    on(() => {
      const batch = batchOf([{ ids: [1, 2, 3] }, { ids: [4, 5] }, { ids: [6] }], { pad: 0, pack: true })
      expect(rows(batch.ids)).toEqual([
        [1, 2, 3],
        [4, 5, 6],
      ])
      expect(rows(batch.documents!)).toEqual([
        [0, 0, 0],
        [1, 1, 2],
      ])
    })
  })

  test('keep the types of encodings, and leave out what they were filled up with', () =>
    on(() => {
      const encoding = {
        ids: [101, 5, 102, 6, 102, 0, 0],
        typeIds: [0, 0, 0, 1, 1, 0, 0],
        attentionMask: [1, 1, 1, 1, 1, 0, 0],
        specialTokensMask: [1, 0, 1, 0, 1, 1, 1],
        spans: new Array<number>(14).fill(0),
      }
      const batch = batchOf([encoding, { ids: [1] }], { pad: 9 })
      expect(rows(batch.ids)).toEqual([
        [101, 5, 102, 6, 102],
        [1, 9, 9, 9, 9],
      ])
      expect(rows(batch.types!)).toEqual([
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0],
      ])
      const cut = batchOf([encoding], { pad: 9, maximum: 4 })
      expect(rows(cut.ids)).toEqual([[101, 5, 102, 102]])
      expect(rows(cut.types!)).toEqual([[0, 0, 0, 1]])
    }))

  test.each<[string, () => unknown]>([
    ['no text', () => batchOf([], { pad: 0 })],
    ['pairs and others', () => batchOf([{ ids: [1] }, [{ ids: [1] }, { ids: [2] }]], { pad: 0 })],
    ['half an id', () => batchOf([{ ids: [1.5] }], { pad: 0 })],
    ['a negative id', () => batchOf([{ ids: [-1] }], { pad: 0 })],
    ['no id for padding', () => batchOf([{ ids: [1] }], {} as never)],
    ['a maximum of 0', () => batchOf([{ ids: [1] }], { pad: 0, maximum: 0 })],
    ['a multiple of 0', () => batchOf([{ ids: [1] }], { pad: 0, multiple: 0 })],
    ['another side', () => batchOf([{ ids: [1] }], { pad: 0, side: 'middle' as never })],
    ['an unknown option', () => batchOf([{ ids: [1] }], { pad: 0, max: 3 } as never)],
  ])('of %s are refused', (_, call) => on(() => expect(call).toThrow(UsageError)))
})

describe.each(['learned', 'sinusoidal', 'rotary', 'alibi'] as const)('%s positions', (position) => {
  const config = decoderConfig({ vocabulary: 20, context: 9, width: 8, layers: 2, heads: 2, position })
  const texts = [
    [3, 1, 4, 1, 5],
    [9, 2],
    [6, 5, 3, 5, 8, 9, 7],
  ]

  test('of rows filled up at the left begin at 0, with a cache and without', () =>
    on(() => {
      const model = createDecoder(config, randomKey(3), {
        initializer: (key, shape) =>
          tensor(
            Array.from({ length: Object.values<number>(shape).reduce((a, b) => a * b, 1) }, (_, i) =>
              Math.sin(i * 1.7 + key.length),
            ),
            shape,
          ),
      })
      const alone = texts.map((ids) => {
        const logits = decoderLogits(
          model,
          config,
          tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' }),
        )
        return [
          ...logits
            .at('batch', 0)
            .at('position', ids.length - 1)
            .values(),
        ]
      })
      const { ids, real, positions } = batchOf(
        texts.map((own) => ({ ids: own })),
        { pad: 0, side: 'left' },
      )
      const last = (logits: Tensor<'batch' | 'position' | 'vocabulary'>): number[][] =>
        texts.map((_, row) => [
          ...logits
            .at('batch', row)
            .at('position', logits.size('position') - 1)
            .values(),
        ])
      const near = (found: number[][]): void =>
        found.forEach((row, r) => row.forEach((value, i) => expect(value).toBeCloseTo(alone[r]![i]!, 9)))
      near(last(decoderLogits(model, config, ids, { mask: padding(real), positions })))
      const cache = new KeyValueCache()
      const end = ids.size('position') - 1
      const part = (x: Tensor<'batch' | 'position'>, from: number, to: number) =>
        slice(x, 'position', from, to)
      decoderLogits(model, config, part(ids, 0, end), {
        cache,
        mask: padding(part(real, 0, end)),
        positions: part(positions, 0, end),
      })
      near(
        last(
          decoderLogits(model, config, part(ids, end, end + 1), {
            cache,
            mask: padding(real),
            positions: part(positions, end, end + 1),
          }),
        ),
      )
      cache.dispose()
      // Packed into one row, each text is as it is alone.
      const packed = batchOf(
        texts.map((own) => ({ ids: own })),
        { pad: 0, maximum: 9, pack: true },
      )
      expect(packed.ids.size('batch')).toBe(2)
      const logits = decoderLogits(model, config, packed.ids, {
        mask: sameDocument(packed.documents!.rename({ position: 'key' })),
        positions: packed.positions,
      })
      near(
        packed.places.map(({ row, end }) => [
          ...logits
            .at('batch', row)
            .at('position', end - 1)
            .values(),
        ]),
      )
    }))

  test('that are in no table are refused', () =>
    on(() => {
      const model = createDecoder(config, randomKey(3))
      const ids = tensor([1, 2], { batch: 1, position: 2 }, { dtype: 'i32' })
      const at = (numbers: number[]) => () =>
        decoderLogits(model, config, ids, {
          positions: tensor(numbers, { batch: 1, position: 2 }, { dtype: 'i32' }),
        })
      if (position !== 'alibi') expect(at([-1, 0])).toThrow(/positions|-1/)
      if (position === 'learned')
        expect(at([0, 9])).toThrow(/positions from 0 to 8, the end of the table, found 9/)
      else expect(at([0, 900])).not.toThrow()
    }))
})
