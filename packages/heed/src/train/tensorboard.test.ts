import { expect, test } from 'vitest'
import {
  readTensorBoardRecord,
  tensorBoardRecord,
  tensorBoardRecordLength,
  tensorBoardStart,
} from './index.js'

/** As Python's tensorboard 2.21 writes them. */
const written =
  '1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9' +
  '3700000000000000e7e8ca590900006040fc54d94110ac022a290a110a0a747261696e2f6c6f7373150000203f0a140a0d747261' +
  '696e2f6772c3b6c39f6515000040c0b697391c'
const events = [
  { ...tensorBoardStart(1700000000.25), step: 0 },
  { wallTime: 1700000001.5, step: 300, scalars: { 'train/loss': 0.625, 'train/größe': -3 } },
]

test("records are TensorBoard's, byte for byte", () => {
  const [start, scalars] = events.map((event) => Buffer.from(tensorBoardRecord(event)).toString('hex'))
  // A step of 0 is left out there, and may be there.
  expect(readTensorBoardRecord(Buffer.from(written.slice(0, 2 * 40), 'hex'))).toEqual(events[0])
  expect(readTensorBoardRecord(Buffer.from(start!, 'hex'))).toEqual(events[0])
  expect(scalars).toBe(written.slice(2 * 40))
})

test('what is damaged is seen', () => {
  const record = tensorBoardRecord(events[1]!)
  expect(tensorBoardRecordLength(record)).toBe(record.length)
  expect(tensorBoardRecordLength(record.subarray(0, 11))).toBeUndefined()
  const flipped = (at: number): Uint8Array => record.map((byte, i) => (i === at ? byte ^ 4 : byte))
  expect(tensorBoardRecordLength(flipped(0))).toBeUndefined()
  for (const at of [12, 30, record.length - 1]) expect(readTensorBoardRecord(flipped(at))).toBeUndefined()
})
