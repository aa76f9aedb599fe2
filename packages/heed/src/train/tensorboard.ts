/**
 * TensorBoard's event files: records as TFRecord frames them, each a message `Event` of protocol buffers.
 * Source: TensorFlow, core/lib/io/record_writer.h and core/util/event.proto.
 */
import { ProtobufReader } from '../formats/index.js'

/** What one record of an event file says: the first one which version the file has, the others numbers. */
export interface TensorBoardEvent {
  /** Since 1970, in seconds. */
  readonly wallTime: number
  readonly step: number
  readonly version?: string
  /** By tag: `train/loss`. */
  readonly scalars?: Readonly<Record<string, number>>
}

/** The first event of a file. */
export function tensorBoardStart(wallTime: number): TensorBoardEvent {
  return { wallTime, step: 0, version: 'brain.Event:2' }
}

/** Bytes before a record's content, and behind it. */
const headBytes = 12
const tailBytes = 4

/** An event as a record: its length and the length's checksum, the message and its checksum. */
export function tensorBoardRecord(event: TensorBoardEvent): Uint8Array {
  const content = messageOf(event)
  const record = new Uint8Array(headBytes + content.length + tailBytes)
  const view = new DataView(record.buffer)
  view.setUint32(0, content.length, true)
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true)
  record.set(content, headBytes)
  view.setUint32(headBytes + content.length, maskedChecksum(content), true)
  return record
}

/**
 * How many bytes the record has that begins there, head and checksum included; undefined where `bytes` has
 * less than its head, or no record begins there.
 */
export function tensorBoardRecordLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < headBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (view.getUint32(8, true) !== maskedChecksum(bytes.subarray(0, 8)) || view.getUint32(4, true) !== 0)
    return undefined
  return headBytes + view.getUint32(0, true) + tailBytes
}

/**
 * The event of a whole record.
 *
 * @returns undefined where the checksum is another
 * @throws FormatError for a message that is none
 */
export function readTensorBoardRecord(record: Uint8Array): TensorBoardEvent | undefined {
  const content = record.subarray(headBytes, record.length - tailBytes)
  const view = new DataView(record.buffer, record.byteOffset)
  if (view.getUint32(record.length - tailBytes, true) !== maskedChecksum(content)) return undefined
  const reader = new ProtobufReader(content, 'readTensorBoardRecord')
  const event: { wallTime: number; step: number; version?: string; scalars?: Record<string, number> } = {
    wallTime: 0,
    step: 0,
  }
  while (reader.next()) {
    if (reader.field === field.wallTime) event.wallTime = float64(content)
    else if (reader.field === field.step) event.step = reader.unsigned()
    else if (reader.field === field.version) event.version = reader.string()
    else if (reader.field === field.summary) event.scalars = scalarsIn(reader.message())
  }
  return event
}

/** The fields of `Event`. */
const field = { wallTime: 1, step: 2, version: 3, summary: 5 } as const

/** `wall_time` stands first in every message that is written here. */
function float64(content: Uint8Array): number {
  return new DataView(content.buffer, content.byteOffset).getFloat64(1, true)
}

function scalarsIn(summary: ProtobufReader): Record<string, number> {
  const scalars: Record<string, number> = {}
  while (summary.next()) {
    if (summary.field !== 1) continue
    const value = summary.message()
    let [tag, number] = ['', NaN]
    while (value.next()) {
      if (value.field === 1) tag = value.string()
      else if (value.field === 2) number = value.float()
    }
    scalars[tag] = number
  }
  return scalars
}

function messageOf({ wallTime, step, version, scalars }: TensorBoardEvent): Uint8Array {
  const summary = Object.entries(scalars ?? {}).map(([tag, value]) =>
    bytesField(1, joined([bytesField(1, utf8(tag)), fixedField(2, value, 4)])),
  )
  return joined([
    fixedField(field.wallTime, wallTime, 8),
    [tagOf(field.step, 0), ...varint(step)],
    ...(version === undefined ? [] : [bytesField(field.version, utf8(version))]),
    ...(scalars === undefined ? [] : [bytesField(field.summary, joined(summary))]),
  ])
}

function tagOf(number: number, kind: number): number {
  return 8 * number + kind
}

function bytesField(number: number, content: Uint8Array): Uint8Array {
  return joined([[tagOf(number, 2), ...varint(content.length)], content])
}

function fixedField(number: number, value: number, bytes: 4 | 8): Uint8Array {
  const made = new Uint8Array(1 + bytes)
  const view = new DataView(made.buffer)
  made[0] = tagOf(number, bytes === 4 ? 5 : 1)
  if (bytes === 4) view.setFloat32(1, value, true)
  else view.setFloat64(1, value, true)
  return made
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left]
    bytes.push((left % 128) | 0x80)
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function joined(parts: readonly ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** CRC-32C (Castagnoli), rotated and moved, so that checksums of checksums stay good. */
function maskedChecksum(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) sum = checksums[(sum ^ byte) & 0xff]! ^ (sum >>> 8)
  sum = ~sum >>> 0
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
}

const checksums = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})
