/**
 * What follows an opcode in the byte stream. `memory`: alignment (log2) and offset; `memory lane`: these and
 * a lane.
 */
export type Immediates =
  | 'none'
  | 'index'
  | 'block'
  | 'i32'
  | 'f32'
  | 'v128'
  | 'lane'
  | 'lanes'
  | 'memory'
  | 'memory lane'

const none: Immediates = 'none'
const simd = (code: number): readonly number[] => [0xfd, ...unsigned(code)]

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value >>> 0
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return bytes
}

/**
 * The WebAssembly instructions that kernels use: bytes and immediates.
 * Source: WebAssembly core specification 2.0, section 5.4, and the relaxed SIMD proposal.
 */
export const opcodes: Readonly<Record<string, readonly [bytes: readonly number[], immediates: Immediates]>> =
  {
    loop: [[0x03], 'block'],
    if: [[0x04], 'block'],
    br: [[0x0c], 'index'],
    br_if: [[0x0d], 'index'],
    select: [[0x1b], none],
    'local.get': [[0x20], 'index'],
    'local.set': [[0x21], 'index'],
    'local.tee': [[0x22], 'index'],
    'i32.load': [[0x28], 'memory'],
    'f32.load': [[0x2a], 'memory'],
    'i32.load8_s': [[0x2c], 'memory'],
    'i32.load8_u': [[0x2d], 'memory'],
    'i32.load16_u': [[0x2f], 'memory'],
    'i32.store': [[0x36], 'memory'],
    'f32.store': [[0x38], 'memory'],
    'i32.store8': [[0x3a], 'memory'],
    'i32.store16': [[0x3b], 'memory'],
    'i32.const': [[0x41], 'i32'],
    'f32.const': [[0x43], 'f32'],
    'i32.eqz': [[0x45], none],
    'i32.eq': [[0x46], none],
    'i32.ne': [[0x47], none],
    'i32.lt_s': [[0x48], none],
    'i32.gt_s': [[0x4a], none],
    'i32.le_s': [[0x4c], none],
    'i32.ge_s': [[0x4e], none],
    'f32.eq': [[0x5b], none],
    'f32.ne': [[0x5c], none],
    'f32.lt': [[0x5d], none],
    'f32.gt': [[0x5e], none],
    'f32.le': [[0x5f], none],
    'f32.ge': [[0x60], none],
    'i32.add': [[0x6a], none],
    'i32.sub': [[0x6b], none],
    'i32.mul': [[0x6c], none],
    'i32.div_s': [[0x6d], none],
    'i32.rem_s': [[0x6f], none],
    'i32.and': [[0x71], none],
    'i32.or': [[0x72], none],
    'i32.xor': [[0x73], none],
    'i32.shl': [[0x74], none],
    'i32.shr_s': [[0x75], none],
    'i32.shr_u': [[0x76], none],
    'f32.abs': [[0x8b], none],
    'f32.neg': [[0x8c], none],
    'f32.ceil': [[0x8d], none],
    'f32.floor': [[0x8e], none],
    'f32.nearest': [[0x90], none],
    'f32.sqrt': [[0x91], none],
    'f32.add': [[0x92], none],
    'f32.sub': [[0x93], none],
    'f32.mul': [[0x94], none],
    'f32.div': [[0x95], none],
    'f64.div': [[0xa3], none],
    'f32.convert_i32_s': [[0xb2], none],
    'f64.convert_i32_s': [[0xb7], none],
    'i32.reinterpret_f32': [[0xbc], none],
    'f32.reinterpret_i32': [[0xbe], none],
    'i32.trunc_sat_f32_s': [[0xfc, 0x00], none],
    'i32.trunc_sat_f64_s': [[0xfc, 0x02], none],

    'v128.load': [simd(0x00), 'memory'],
    'v128.load16x4_u': [simd(0x04), 'memory'],
    'v128.load32_splat': [simd(0x09), 'memory'],
    'v128.store': [simd(0x0b), 'memory'],
    'v128.const': [simd(0x0c), 'v128'],
    'i8x16.shuffle': [simd(0x0d), 'lanes'],
    'i32x4.splat': [simd(0x11), none],
    'f32x4.splat': [simd(0x13), none],
    'i32x4.extract_lane': [simd(0x1b), 'lane'],
    'f32x4.extract_lane': [simd(0x1f), 'lane'],
    'i32x4.replace_lane': [simd(0x1c), 'lane'],
    'i32x4.eq': [simd(0x37), none],
    'i32x4.ne': [simd(0x38), none],
    'i32x4.lt_s': [simd(0x39), none],
    'i32x4.lt_u': [simd(0x3a), none],
    'i32x4.gt_s': [simd(0x3b), none],
    'i32x4.gt_u': [simd(0x3c), none],
    'i32x4.le_s': [simd(0x3d), none],
    'i32x4.le_u': [simd(0x3e), none],
    'i32x4.ge_s': [simd(0x3f), none],
    'i32x4.ge_u': [simd(0x40), none],
    'f32x4.eq': [simd(0x41), none],
    'f32x4.ne': [simd(0x42), none],
    'f32x4.lt': [simd(0x43), none],
    'f32x4.gt': [simd(0x44), none],
    'f32x4.le': [simd(0x45), none],
    'f32x4.ge': [simd(0x46), none],
    'v128.not': [simd(0x4d), none],
    'v128.and': [simd(0x4e), none],
    'v128.or': [simd(0x50), none],
    'v128.xor': [simd(0x51), none],
    'v128.bitselect': [simd(0x52), none],
    'v128.any_true': [simd(0x53), none],
    'v128.load32_lane': [simd(0x56), 'memory lane'],
    'v128.store8_lane': [simd(0x58), 'memory lane'],
    'v128.store16_lane': [simd(0x59), 'memory lane'],
    'v128.store32_lane': [simd(0x5a), 'memory lane'],
    'v128.store64_lane': [simd(0x5b), 'memory lane'],
    'v128.load32_zero': [simd(0x5c), 'memory'],
    'f32x4.ceil': [simd(0x67), none],
    'f32x4.floor': [simd(0x68), none],
    'f32x4.nearest': [simd(0x6a), none],
    'i16x8.extend_low_i8x16_s': [simd(0x87), none],
    'i16x8.extend_low_i8x16_u': [simd(0x89), none],
    'i32x4.extend_low_i16x8_s': [simd(0xa7), none],
    'i32x4.extend_low_i16x8_u': [simd(0xa9), none],
    'i32x4.abs': [simd(0xa0), none],
    'i32x4.neg': [simd(0xa1), none],
    'i32x4.all_true': [simd(0xa3), none],
    'i32x4.bitmask': [simd(0xa4), none],
    'i32x4.shl': [simd(0xab), none],
    'i32x4.shr_s': [simd(0xac), none],
    'i32x4.shr_u': [simd(0xad), none],
    'i32x4.add': [simd(0xae), none],
    'i32x4.sub': [simd(0xb1), none],
    'i32x4.mul': [simd(0xb5), none],
    'i32x4.min_s': [simd(0xb6), none],
    'i32x4.max_s': [simd(0xb8), none],
    'i32x4.dot_i16x8_s': [simd(0xba), none],
    'f32x4.abs': [simd(0xe0), none],
    'f32x4.neg': [simd(0xe1), none],
    'f32x4.sqrt': [simd(0xe3), none],
    'f32x4.add': [simd(0xe4), none],
    'f32x4.sub': [simd(0xe5), none],
    'f32x4.mul': [simd(0xe6), none],
    'f32x4.div': [simd(0xe7), none],
    'f32x4.pmin': [simd(0xea), none],
    'f32x4.pmax': [simd(0xeb), none],
    'f64x2.div': [simd(0xf3), none],
    'i32x4.trunc_sat_f32x4_s': [simd(0xf8), none],
    'f32x4.convert_i32x4_s': [simd(0xfa), none],
    'i32x4.trunc_sat_f64x2_s_zero': [simd(0xfc), none],
    'f64x2.convert_low_i32x4_s': [simd(0xfe), none],
    'i32x4.relaxed_trunc_f32x4_s': [simd(0x101), none],
    'f32x4.relaxed_madd': [simd(0x105), none],
    'i32x4.relaxed_dot_i8x16_i7x16_add_s': [simd(0x113), none],
  }
