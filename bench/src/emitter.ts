/**
 * Just enough of WebAssembly's binary format to measure the machine with (core specification 2.0, section 5).
 */

export function unsigned(value: number): number[] {
  const bytes: number[] = []
  do {
    const rest = Math.floor(value / 128)
    bytes.push((value % 128) | (rest ? 128 : 0))
    value = rest
  } while (value)
  return bytes
}

const section = (id: number, items: number[][]): number[] => {
  const body = [...unsigned(items.length), ...items.flat()]
  return [id, ...unsigned(body.length), ...body]
}
const name = (text: string): number[] => [text.length, ...Buffer.from(text)]

export const type = { i32: 0x7f, v128: 0x7b } as const
const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...unsigned(code), ...rest]
/** Memory operand: 16-byte alignment is 2⁴. */
const memarg = (offset: number): number[] => [4, ...unsigned(offset)]

export const op = {
  get: (local: number): number[] => [0x20, ...unsigned(local)],
  set: (local: number): number[] => [0x21, ...unsigned(local)],
  /** Small constants only (one signed byte of LEB128 per seven bits). */
  i32: (value: number): number[] => {
    const bytes: number[] = []
    for (;;) {
      const low = value & 127
      value >>= 7
      if ((value === 0 && !(low & 64)) || (value === -1 && low & 64)) return [0x41, ...bytes, low]
      bytes.push(low | 128)
    }
  },
  i32Add: [0x6a] as number[],
  i32Sub: [0x6b] as number[],
  /** Repeat the body while the i32 that it leaves on the stack is not 0. */
  loop: (body: number[]): number[] => [0x03, 0x40, ...body, 0x0d, 0, 0x0b],
  load: (offset: number): number[] => simd(0, ...memarg(offset)),
  store: (offset: number): number[] => simd(11, ...memarg(offset)),
  splat: (value: number): number[] => [0x43, ...new Uint8Array(Float32Array.of(value).buffer), ...simd(19)],
  add: simd(0xe4) as number[],
  multiply: simd(0xe6) as number[],
  /** a, b, c -> a·b + c, fused where the machine can (relaxed SIMD). */
  fused: simd(0x105) as number[],
}

/**
 * A module with one exported function `run` of i32 parameters, over an imported shared memory `env.memory`.
 * `vectors`: how many v128 locals follow the parameters.
 */
export function moduleOf(parameters: number, vectors: number, body: number[]): Uint8Array<ArrayBuffer> {
  const locals = vectors ? [1, ...unsigned(vectors), type.v128] : [0]
  const code = [...locals, ...body, 0x0b]
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, [[0x60, parameters, ...Array.from({ length: parameters }, () => type.i32), 0]]),
    ...section(2, [[...name('env'), ...name('memory'), 2, 3, ...unsigned(1), ...unsigned(65536)]]),
    ...section(3, [[0]]),
    ...section(7, [[...name('run'), 0, 0]]),
    ...section(10, [[...unsigned(code.length), ...code]]),
  ])
}
