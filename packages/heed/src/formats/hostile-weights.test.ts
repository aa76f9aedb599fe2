import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FormatError } from '../base/index.js'
import { openWeights } from './index.js'
import { ownTime } from '../testing/own-time.js'
import { peakMemory } from '../testing/peak-memory.js'

// Files of weights that claim what they like are read or refused within a second and 64 MiB above their own
// size.

const folder = mkdtempSync(join(tmpdir(), 'heed-hostile-'))
afterAll(() => rmSync(folder, { recursive: true }))

const most = 3 * 2 ** 23 // the longest header

interface HostileFile {
  readonly header: string | Uint8Array
  /** What the file says; default the header's length. */
  readonly says?: bigint
  /** Zeros behind the header; none are written. */
  readonly data?: number
}
function write({ header, says, data = 0 }: HostileFile, name: string = 'model.safetensors'): string {
  const path = join(folder, name)
  const bytes = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, says ?? BigInt(bytes.length), true)
  const file = openSync(path, 'w')
  writeSync(file, length)
  writeSync(file, bytes)
  ftruncateSync(file, 8 + bytes.length + data)
  closeSync(file)
  return path
}
const entry = (name: string, begin: number, end: number, rest = `"shape":[${end - begin}]`): string =>
  `"${name}":{"dtype":"U8",${rest},"data_offsets":[${begin},${end}]}`
/** A record of as many fields as the longest header has room for. */
const full = (field: (i: number) => string, count: number): string =>
  `{${Array.from({ length: count }, (_, i) => field(i)).join(',')}}`
const shaped = (shape: string): string => `{"a":{"dtype":"F32","shape":${shape},"data_offsets":[0,4]}}`
const placed = (offsets: string): string => `{"a":{"dtype":"F32","shape":[1],"data_offsets":${offsets}}}`

/** What is to happen, and the file. */
const cases: readonly (readonly [string, RegExp | 'read', () => HostileFile])[] = [
  [
    'a header of 2^64 - 1 bytes',
    /one of 18446744073709551615/,
    () => ({ header: '{}', says: 2n ** 64n - 1n }),
  ],
  ['a header of 2^63 bytes', /header of at most/, () => ({ header: '{}', says: 2n ** 63n })],
  ['a header beyond the file', /100 bytes, found 2 bytes/, () => ({ header: '{}', says: 100n })],
  [
    'a header of 100 MB that is there',
    /header of at most/,
    () => ({ header: '{', says: 10n ** 8n + 1n, data: 1e9 }),
  ],
  ['a tensor twice', /there once/, () => ({ header: `{${entry('a', 0, 1)},${entry('a', 0, 1)}}`, data: 1 })],
  [
    '__proto__ twice',
    /there once/,
    () => ({ header: `{${entry('__proto__', 0, 1)},${entry('__proto__', 0, 1)}}`, data: 1 }),
  ],
  [
    '__proto__ as a field',
    /dtype, shape or data_offsets/,
    () => ({ header: `{${entry('a', 0, 1, '"__proto__":{"shape":[1]}')}}`, data: 1 }),
  ],
  [
    '__proto__ as a tensor and as metadata',
    'read',
    () => ({
      header: `{"__metadata__":{"__proto__":"x"},${entry('__proto__', 0, 1)},${entry('constructor', 1, 2)}}`,
      data: 2,
    }),
  ],
  ['an overlap', /begin at byte 2/, () => ({ header: `{${entry('a', 0, 2)},${entry('b', 1, 3)}}`, data: 3 })],
  ['a hole', /begin at byte 1/, () => ({ header: `{${entry('a', 0, 1)},${entry('b', 2, 3)}}`, data: 3 })],
  ['a terabyte behind it', /0 bytes of data/, () => ({ header: '{}', data: 2 ** 40 })],
  ['a size that is not its shape', /4 bytes for "a"/, () => ({ header: shaped('[2]'), data: 4 })],
  ['a product above 2^53', /4 bytes for "a"/, () => ({ header: shaped('[134217728,134217728]'), data: 4 })],
  [
    'a product that would come to 1 in 64 bits',
    /4 bytes for "a"/,
    () => ({ header: shaped('[4294967295,4294967297,3]'), data: 4 }),
  ],
  ['a negative offset', /whole number/, () => ({ header: placed('[-4,0]'), data: 4 })],
  ['a fraction', /whole number/, () => ({ header: placed('[0,4.5]'), data: 4 })],
  ['an offset of text', /a number, found "0"/, () => ({ header: placed('["0","4"]'), data: 4 })],
  ['an offset of 2^64', /whole number/, () => ({ header: placed('[0,18446744073709551616]'), data: 4 })],
  ['no UTF-8', /UTF-8/, () => ({ header: Uint8Array.of(0x7b, 0x22, 0xc0, 0x80, 0x22) })],
  [
    'UTF-16',
    /a name in quotes/,
    () => ({ header: new Uint8Array(Uint16Array.from('{}', (c) => c.charCodeAt(0)).buffer) }),
  ],
  ['five million brackets', /an object, found a list/, () => ({ header: `{"a":${'['.repeat(5e6)}` })],
  ['five million braces', /to be/, () => ({ header: '{"a":'.repeat(4_800_000) })],
  ['a shape of five million lists', /a number, found a list/, () => ({ header: shaped('['.repeat(5e6)) })],
  [
    'metadata of five million lists',
    /a string/,
    () => ({ header: `{"__metadata__":{"a":${'['.repeat(5e6)}` }),
  ],
  [
    'a shape of millions',
    /at most 64 numbers/,
    () => ({ header: shaped(`[${'1,'.repeat(1e7)}1]`), data: 4 }),
  ],
  [
    'an offset of millions of digits',
    /digits/,
    () => ({ header: placed(`[0,${'4'.repeat(2e7)}]`), data: 4 }),
  ],
  [
    'a name of 24 million characters',
    /to be an object/,
    () => ({ header: `{"${'n'.repeat(most - 10)}":0}` }),
  ],
  ['a name of escapes', /to be an object/, () => ({ header: `{"${'\\u00e9'.repeat(4e6)}":0}` })],
  ['white space', 'read', () => ({ header: `{${' '.repeat(most - 2)}}` })],
  ['as many tensors as may be', 'read', () => ({ header: full((i) => entry(`${i}`, 0, 0), 3 * 2 ** 14) })],
  [
    'as many tensors as may be, of many sizes and long names',
    'read',
    () => ({
      header: full((i) => entry(`${'n'.repeat(60)}${i}`, 0, 0, `"shape":[${'1,'.repeat(25)}0]`), 3 * 2 ** 14),
    }),
  ],
  ['more tensors', /at most 49152/, () => ({ header: full((i) => entry(`${i}`, 0, 0), 2 ** 18) })],
  [
    'as much metadata as may be',
    'read',
    () => ({ header: `{"__metadata__":${full((i) => `"${i}":"${'x'.repeat(350)}"`, 2 ** 16)}}` }),
  ],
  [
    'more metadata',
    /at most 65536/,
    () => ({ header: `{"__metadata__":${full((i) => `"${i}":""`, 2 ** 20)}}` }),
  ],
]

describe('a file of safetensors', () => {
  test.each(cases)('with %s', (_, message, make) => {
    const path = write(make())
    checkBounded(path, message)
  })
})

/** Opens a file, in bounded time and memory, and what comes of it. */
function checkBounded(path: string, message: RegExp | 'read'): void {
  let milliseconds = Infinity
  let error: unknown
  const open = (): void => {
    const taken = ownTime(() => {
      try {
        openWeights(path, () => 0)
      } catch (caught) {
        error = caught
      }
    })
    milliseconds = Math.min(milliseconds, taken)
  }
  const size = Math.min(statSync(path).size, 2 ** 25)
  const peak = peakMemory(open)
  if (milliseconds > 1000) open()
  expect(milliseconds).toBeLessThan(1000)
  if (peak !== undefined) expect(peak).toBeLessThan(64 * 2 ** 20 + size)
  if (message === 'read') return expect(error).toBeUndefined()
  expect(error).toBeInstanceOf(FormatError)
  expect(String(error)).toMatch(message)
}

describe('a list of files', () => {
  const list = join(folder, 'model.safetensors.index.json')

  test.each([
    ['as many tensors as may be, in two files', 'read', 3 * 2 ** 15, (i: number) => `${i % 2}.safetensors`],
    ['as many files as may be', /ENOENT/, 1024, (i: number) => `${i + 2}.safetensors`],
    ['long names of files', /ENOENT/, 1024, (i: number) => `${'n'.repeat(230)}${i}.safetensors`],
    [
      'tensors that are in other files',
      /the list places in/,
      3 * 2 ** 15,
      (i: number) => `${(i + 1) % 2}.safetensors`,
    ],
  ] as const)('with %s', (_, message, count, file) => {
    for (const part of [0, 1]) {
      const header = full((i) => entry(`${2 * i + part}`, 0, 0), 3 * 2 ** 14)
      write({ header }, `${part}.safetensors`)
    }
    writeFileSync(list, `{"weight_map":${full((i) => `"${i}":"${file(i)}"`, count)}}`)
    checkBounded(list, message)
  })
})
