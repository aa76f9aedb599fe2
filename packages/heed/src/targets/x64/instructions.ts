import type { Access, Entry, Form, GeneralForm, Layout, Signature, Tuple, VectorForm } from './forms.js'

interface Options {
  readonly w?: 0 | 1
  /** W of the EVEX form, where it differs. */
  readonly evexW?: 0 | 1
  readonly tuple?: Tuple
  readonly digit?: number
  readonly element?: 4 | 8
}

const entries = new Map<string, { forms: Form[]; first: Access }>()

function entry(name: string, first: Access): Form[] {
  let known = entries.get(name)
  if (known === undefined) entries.set(name, (known = { forms: [], first }))
  return known.forms
}

function signature(operands: string): Signature {
  return operands === '' ? [] : operands.split(' ')
}

function vectorForm(
  prefix: 'vex' | 'evex',
  operands: string,
  layout: Layout,
  [pp, map, opcode]: readonly [0 | 1 | 2 | 3, 1 | 2 | 3, number],
  options: Options,
): VectorForm {
  return {
    prefix,
    operands: signature(operands),
    layout,
    pp,
    map,
    opcode,
    w: prefix === 'evex' ? (options.evexW ?? options.w ?? 0) : (options.w ?? 0),
    digit: options.digit ?? 0,
    tuple: options.tuple ?? 'full',
    element: options.element ?? 4,
  }
}

type Code = readonly [0 | 1 | 2 | 3, 1 | 2 | 3, number]

function vex(
  name: string,
  operands: string,
  layout: Layout,
  code: Code,
  options: Options = {},
  first: Access = 'write',
): void {
  entry(name, first).push(vectorForm('vex', operands, layout, code, options))
}
function evex(
  name: string,
  operands: string,
  layout: Layout,
  code: Code,
  options: Options = {},
  first: Access = 'write',
): void {
  entry(name, first).push(vectorForm('evex', operands, layout, code, options))
}
/** The same in both. */
function both(
  name: string,
  operands: string,
  layout: Layout,
  code: Code,
  options: Options = {},
  first: Access = 'write',
): void {
  vex(name, operands, layout, code, options, first)
  evex(name, operands, layout, code, options, first)
}

interface GeneralOptions {
  readonly digit?: number
  readonly immediate?: 0 | 1 | 4 | 8
  readonly short?: boolean
  readonly wide?: boolean
}
function plain(
  name: string,
  operands: string,
  layout: GeneralForm['layout'],
  opcode: readonly number[],
  options: GeneralOptions = {},
  first: Access = 'write',
): void {
  entry(name, first).push({
    prefix: 'none',
    operands: signature(operands),
    layout,
    opcode,
    digit: options.digit ?? 0,
    immediate: options.immediate ?? 0,
    short: options.short ?? false,
    wide: options.wide ?? false,
  })
}

/** Conditions by their number in the opcode. */
export const conditions: readonly string[] = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
]
function generalRegisters(): void {
  const arithmetic = ['add', 'or', '', '', 'and', 'sub', 'xor', 'cmp']
  arithmetic.forEach((name, digit) => {
    if (name === '') return
    const first = name === 'cmp' ? 'read' : 'readwrite'
    for (const wide of [false, true]) {
      const r = wide ? 'q' : 'd'
      // Memory says its own width where both forms fit: 32 bits without.
      plain(name, `${r} ${r}`, 'mr', [8 * digit + 1], { wide }, first)
      plain(name, `m ${r}`, 'mr', [8 * digit + 1], { wide }, first)
      plain(name, `${r} m`, 'rm', [8 * digit + 3], { wide }, first)
      plain(name, `${r} i`, 'm', [0x83], { digit, immediate: 1, wide }, first)
      plain(name, `${r} i`, 'm', [0x81], { digit, immediate: 4, wide }, first)
    }
    plain(name, 'm i', 'm', [0x83], { digit, immediate: 1 }, first)
    plain(name, 'm i', 'm', [0x81], { digit, immediate: 4 }, first)
  })
  plain('mov', 'd d', 'mr', [0x89])
  plain('mov', 'q q', 'mr', [0x89], { wide: true })
  plain('mov', 'm d', 'mr', [0x89])
  plain('mov', 'm q', 'mr', [0x89], { wide: true })
  plain('mov', 'm h', 'mr', [0x89], { short: true })
  plain('mov', 'm b', 'mr', [0x88])
  plain('mov', 'd m', 'rm', [0x8b])
  plain('mov', 'q m', 'rm', [0x8b], { wide: true })
  plain('mov', 'd i', 'o', [0xb8], { immediate: 4 })
  plain('mov', 'q i', 'm', [0xc7], { immediate: 4, wide: true })
  plain('mov', 'm i', 'm', [0xc7], { immediate: 4 })
  plain('movabs', 'q i', 'o', [0xb8], { immediate: 8, wide: true })
  for (const [name, byte, word] of [
    ['movzx', 0xb6, 0xb7],
    ['movsx', 0xbe, 0xbf],
  ] as const) {
    plain(name, 'd b', 'rm', [0x0f, byte])
    plain(name, 'd h', 'rm', [0x0f, word])
    plain(name, 'd m8', 'rm', [0x0f, byte])
    plain(name, 'd m16', 'rm', [0x0f, word])
  }
  plain('movsxd', 'q dm', 'rm', [0x63], { wide: true })
  plain('lea', 'd m', 'rm', [0x8d])
  plain('lea', 'q m', 'rm', [0x8d], { wide: true })
  for (const wide of [false, true]) {
    const r = wide ? 'q' : 'd'
    plain('test', `${r} ${r}`, 'mr', [0x85], { wide }, 'read')
    plain('test', `${r} i`, 'm', [0xf7], { immediate: 4, wide }, 'read')
    plain('imul', `${r} ${r}m`, 'rm', [0x0f, 0xaf], { wide }, 'readwrite')
    plain('imul', `${r} ${r}m i`, 'rm', [0x6b], { immediate: 1, wide })
    plain('imul', `${r} ${r}m i`, 'rm', [0x69], { immediate: 4, wide })
    plain('not', r, 'm', [0xf7], { digit: 2, wide }, 'readwrite')
    plain('neg', r, 'm', [0xf7], { digit: 3, wide }, 'readwrite')
    for (const [name, digit] of [
      ['shl', 4],
      ['shr', 5],
      ['sar', 7],
    ] as const)
      plain(name, `${r} i`, 'm', [0xc1], { digit, immediate: 1, wide }, 'readwrite')
    plain('bt', `${r} i`, 'm', [0x0f, 0xba], { digit: 4, immediate: 1, wide }, 'read')
    plain('popcnt', `${r} ${r}m`, 'rm', [0xf3, 0x0f, 0xb8], { wide })
    plain('tzcnt', `${r} ${r}m`, 'rm', [0xf3, 0x0f, 0xbc], { wide })
    plain('lzcnt', `${r} ${r}m`, 'rm', [0xf3, 0x0f, 0xbd], { wide })
    const w = wide ? 1 : 0
    vex('shlx', `${r} ${r}m ${r}`, 'rmv', [1, 2, 0xf7], { w })
    vex('sarx', `${r} ${r}m ${r}`, 'rmv', [2, 2, 0xf7], { w })
    vex('shrx', `${r} ${r}m ${r}`, 'rmv', [3, 2, 0xf7], { w })
    vex('bzhi', `${r} ${r}m ${r}`, 'rmv', [0, 2, 0xf5], { w })
  }
  conditions.forEach((condition, number) => {
    plain(`set${condition}`, 'b', 'm', [0x0f, 0x90 + number])
    plain(`cmov${condition}`, 'd dm', 'rm', [0x0f, 0x40 + number], {}, 'readwrite')
    plain(`cmov${condition}`, 'q qm', 'rm', [0x0f, 0x40 + number], { wide: true }, 'readwrite')
    plain(`j${condition}`, 'l', 'fixed', [0x0f, 0x80 + number], {}, 'none')
  })
  plain('jmp', 'l', 'fixed', [0xe9], {}, 'none')
  plain('push', 'q', 'o', [0x50], {}, 'read')
  plain('pop', 'q', 'o', [0x58])
  plain('ret', '', 'fixed', [0xc3], {}, 'none')
  plain('ud2', '', 'fixed', [0x0f, 0x0b], {}, 'none')
  plain('cpuid', '', 'fixed', [0x0f, 0xa2], {}, 'none')
  plain('xgetbv', '', 'fixed', [0x0f, 0x01, 0xd0], {}, 'none')
  plain('prefetchnta', 'm', 'm', [0x0f, 0x18], { digit: 0 }, 'none')
  plain('prefetcht0', 'm', 'm', [0x0f, 0x18], { digit: 1 }, 'none')
  plain('prefetcht1', 'm', 'm', [0x0f, 0x18], { digit: 2 }, 'none')
}

function moves(): void {
  for (const [name, pp, w] of [
    ['vmovups', 0, 0],
    ['vmovupd', 1, 1],
  ] as const) {
    both(name, 'v vm', 'rm', [pp, 1, 0x10], { evexW: w, tuple: 'vector' })
    both(name, 'm v', 'mr', [pp, 1, 0x11], { evexW: w, tuple: 'vector' })
  }
  both('vmovaps', 'v vm', 'rm', [0, 1, 0x28], { tuple: 'vector' })
  both('vmovaps', 'm v', 'mr', [0, 1, 0x29], { tuple: 'vector' })
  both('vmovntps', 'm v', 'mr', [0, 1, 0x2b], { tuple: 'vector' }, 'none')
  vex('vmovdqu', 'v vm', 'rm', [2, 1, 0x6f])
  vex('vmovdqu', 'm v', 'mr', [2, 1, 0x7f])
  evex('vmovdqu32', 'v vm', 'rm', [2, 1, 0x6f], { tuple: 'vector' })
  evex('vmovdqu32', 'm v', 'mr', [2, 1, 0x7f], { tuple: 'vector' })
  evex('vmovdqu8', 'v vm', 'rm', [3, 1, 0x6f], { tuple: 'vector' })
  evex('vmovdqu8', 'm v', 'mr', [3, 1, 0x7f], { tuple: 'vector' })
  evex('vmovdqu16', 'v vm', 'rm', [3, 1, 0x6f], { w: 1, tuple: 'vector' })
  evex('vmovdqu16', 'm v', 'mr', [3, 1, 0x7f], { w: 1, tuple: 'vector' })
  both('vmovss', 'v m', 'rm', [2, 1, 0x10], { tuple: 4 })
  both('vmovss', 'm v', 'mr', [2, 1, 0x11], { tuple: 4 })
  both('vmovd', 'v dm', 'rm', [1, 1, 0x6e], { tuple: 4 })
  both('vmovd', 'dm v', 'mr', [1, 1, 0x7e], { tuple: 4 })
  both('vmovq', 'v q', 'rm', [1, 1, 0x6e], { w: 1, tuple: 8 })
  both('vmovq', 'q v', 'mr', [1, 1, 0x7e], { w: 1, tuple: 8 })
  both('vmovq', 'v vm', 'rm', [2, 1, 0x7e], { evexW: 1, tuple: 8 })
  both('vmovq', 'm v', 'mr', [1, 1, 0xd6], { evexW: 1, tuple: 8 })
  both('vmovhlps', 'v v v', 'rvm', [0, 1, 0x12])
  both('vmovlhps', 'v v v', 'rvm', [0, 1, 0x16])
  both('vmovshdup', 'v vm', 'rm', [2, 1, 0x16], { tuple: 'vector' })
  both('vmovsldup', 'v vm', 'rm', [2, 1, 0x12], { tuple: 'vector' })
  vex('vmovmskps', 'd v', 'rm', [0, 1, 0x50])
  vex('vpmovmskb', 'd v', 'rm', [1, 1, 0xd7])
  both('vbroadcastss', 'v vm', 'rm', [1, 2, 0x18], { tuple: 4 })
  both('vpbroadcastd', 'v vm', 'rm', [1, 2, 0x58], { tuple: 4 })
  evex('vpbroadcastd', 'v d', 'rm', [1, 2, 0x7c])
  both('vpbroadcastw', 'v vm', 'rm', [1, 2, 0x79], { tuple: 2 })
  both('vpbroadcastb', 'v vm', 'rm', [1, 2, 0x78], { tuple: 1 })
  both('vpbroadcastq', 'v vm', 'rm', [1, 2, 0x59], { evexW: 1, tuple: 8 })
  vex('vbroadcastf128', 'v m', 'rm', [1, 2, 0x1a])
  vex('vbroadcasti128', 'v m', 'rm', [1, 2, 0x5a])
  evex('vbroadcastf32x4', 'v m', 'rm', [1, 2, 0x1a], { tuple: 16 })
  evex('vbroadcasti32x4', 'v m', 'rm', [1, 2, 0x5a], { tuple: 16 })
}

function floatArithmetic(): void {
  for (const [name, opcode] of [
    ['add', 0x58],
    ['mul', 0x59],
    ['sub', 0x5c],
    ['min', 0x5d],
    ['div', 0x5e],
    ['max', 0x5f],
  ] as const) {
    both(`v${name}ps`, 'v v vm', 'rvm', [0, 1, opcode])
    both(`v${name}pd`, 'v v vm', 'rvm', [1, 1, opcode], { evexW: 1, element: 8 })
    both(`v${name}ss`, 'v v vm', 'rvm', [2, 1, opcode], { tuple: 4 })
    both(`v${name}sd`, 'v v vm', 'rvm', [3, 1, opcode], { evexW: 1, tuple: 8 })
  }
  both('vsqrtps', 'v vm', 'rm', [0, 1, 0x51])
  both('vsqrtss', 'v v vm', 'rvm', [2, 1, 0x51], { tuple: 4 })
  for (const [name, opcode] of [
    ['vandps', 0x54],
    ['vandnps', 0x55],
    ['vorps', 0x56],
    ['vxorps', 0x57],
  ] as const)
    both(name, 'v v vm', 'rvm', [0, 1, opcode])
  for (const [name, packed] of [
    ['vfmadd', 0x98],
    ['vfmsub', 0x9a],
    ['vfnmadd', 0x9c],
    ['vfnmsub', 0x9e],
  ] as const) {
    ;(['132', '213', '231'] as const).forEach((order, i) => {
      both(`${name}${order}ps`, 'v v vm', 'rvm', [1, 2, packed + 16 * i], {}, 'readwrite')
      both(`${name}${order}ss`, 'v v vm', 'rvm', [1, 2, packed + 1 + 16 * i], { tuple: 4 }, 'readwrite')
    })
  }
  both('vucomiss', 'v vm', 'rm', [0, 1, 0x2e], { tuple: 4 }, 'read')
  vex('vcmpps', 'v v vm i', 'rvm', [0, 1, 0xc2])
  evex('vcmpps', 'k v vm i', 'rvm', [0, 1, 0xc2])
  vex('vroundps', 'v vm i', 'rm', [1, 3, 0x08])
  vex('vroundss', 'v v vm i', 'rvm', [1, 3, 0x0a], { tuple: 4 })
  evex('vrndscaleps', 'v vm i', 'rm', [1, 3, 0x08])
  evex('vrndscaless', 'v v vm i', 'rvm', [1, 3, 0x0a], { tuple: 4 })
  evex('vscalefps', 'v v vm', 'rvm', [1, 2, 0x2c])
  evex('vrcp14ps', 'v vm', 'rm', [1, 2, 0x4c])
  evex('vrsqrt14ps', 'v vm', 'rm', [1, 2, 0x4e])
}

function conversions(): void {
  both('vcvtdq2ps', 'v vm', 'rm', [0, 1, 0x5b])
  both('vcvttps2dq', 'v vm', 'rm', [2, 1, 0x5b])
  both('vcvtps2dq', 'v vm', 'rm', [1, 1, 0x5b])
  both('vcvtdq2pd', 'v vm', 'rm', [2, 1, 0xe6], { tuple: 'half' })
  both('vcvttpd2dq', 'v v', 'rm', [1, 1, 0xe6], { evexW: 1, element: 8 })
  both('vcvtsi2ss', 'v v dm', 'rvm', [2, 1, 0x2a], { tuple: 4 })
  both('vcvtsi2sd', 'v v dm', 'rvm', [3, 1, 0x2a], { tuple: 4 })
  both('vcvttss2si', 'd vm', 'rm', [2, 1, 0x2c], { tuple: 4 })
  both('vcvttsd2si', 'd vm', 'rm', [3, 1, 0x2c], { tuple: 8 })
  both('vcvtph2ps', 'v vm', 'rm', [1, 2, 0x13], { tuple: 'half' })
  both('vcvtps2ph', 'vm v i', 'mr', [1, 3, 0x1d], { tuple: 'half' })
  evex('vcvtneps2bf16', 'v vm', 'rm', [2, 2, 0x72])
  evex('vcvtne2ps2bf16', 'v v vm', 'rvm', [3, 2, 0x72])
  evex('vdpbf16ps', 'v v vm', 'rvm', [2, 2, 0x52], {}, 'readwrite')
}

function integers(): void {
  for (const [name, map, opcode] of [
    ['vpaddd', 1, 0xfe],
    ['vpsubd', 1, 0xfa],
    ['vpmulld', 2, 0x40],
    ['vpminsd', 2, 0x39],
    ['vpmaxsd', 2, 0x3d],
    ['vpminud', 2, 0x3b],
    ['vpmaxud', 2, 0x3f],
    ['vpackssdw', 1, 0x6b],
    ['vpackusdw', 2, 0x2b],
    ['vpunpckldq', 1, 0x62],
    ['vpunpckhdq', 1, 0x6a],
    ['vpsllvd', 2, 0x47],
    ['vpsrlvd', 2, 0x45],
    ['vpsravd', 2, 0x46],
  ] as const)
    both(name, 'v v vm', 'rvm', [1, map, opcode])
  for (const [name, map, opcode] of [
    ['vpaddb', 1, 0xfc],
    ['vpaddw', 1, 0xfd],
    ['vpsubb', 1, 0xf8],
    ['vpsubw', 1, 0xf9],
    ['vpmaddwd', 1, 0xf5],
    ['vpmaddubsw', 2, 0x04],
    ['vpmullw', 1, 0xd5],
    ['vpacksswb', 1, 0x63],
    ['vpackuswb', 1, 0x67],
    ['vpunpcklbw', 1, 0x60],
    ['vpunpckhbw', 1, 0x68],
    ['vpunpcklwd', 1, 0x61],
    ['vpunpckhwd', 1, 0x69],
    ['vpshufb', 2, 0x00],
  ] as const)
    both(name, 'v v vm', 'rvm', [1, map, opcode], { tuple: 'vector' })
  both('vpunpcklqdq', 'v v vm', 'rvm', [1, 1, 0x6c], { evexW: 1, element: 8 })
  both('vpunpckhqdq', 'v v vm', 'rvm', [1, 1, 0x6d], { evexW: 1, element: 8 })
  both('vpabsd', 'v vm', 'rm', [1, 2, 0x1e])
  both('vpabsb', 'v vm', 'rm', [1, 2, 0x1c], { tuple: 'vector' })
  vex('vpsignb', 'v v vm', 'rvm', [1, 2, 0x08])
  vex('vpcmpeqd', 'v v vm', 'rvm', [1, 1, 0x76])
  vex('vpcmpgtd', 'v v vm', 'rvm', [1, 1, 0x66])
  vex('vpand', 'v v vm', 'rvm', [1, 1, 0xdb])
  vex('vpor', 'v v vm', 'rvm', [1, 1, 0xeb])
  vex('vpxor', 'v v vm', 'rvm', [1, 1, 0xef])
  evex('vpandd', 'v v vm', 'rvm', [1, 1, 0xdb])
  evex('vpord', 'v v vm', 'rvm', [1, 1, 0xeb])
  evex('vpxord', 'v v vm', 'rvm', [1, 1, 0xef])
  evex('vpcmpd', 'k v vm i', 'rvm', [1, 3, 0x1f])
  evex('vpcmpud', 'k v vm i', 'rvm', [1, 3, 0x1e])
  evex('vpternlogd', 'v v vm i', 'rvm', [1, 3, 0x25], {}, 'readwrite')
  for (const [name, opcode, digit] of [
    ['vpslld', 0x72, 6],
    ['vpsrld', 0x72, 2],
    ['vpsrad', 0x72, 4],
  ] as const) {
    vex(name, 'v v i', 'vm', [1, 1, opcode], { digit })
    evex(name, 'v vm i', 'vm', [1, 1, opcode], { digit })
  }
  for (const [name, digit] of [
    ['vpsllw', 6],
    ['vpsrlw', 2],
    ['vpsraw', 4],
  ] as const) {
    vex(name, 'v v i', 'vm', [1, 1, 0x71], { digit })
    evex(name, 'v vm i', 'vm', [1, 1, 0x71], { digit, tuple: 'vector' })
  }
  evex('vpdpbusd', 'v v vm', 'rvm', [1, 2, 0x50], {}, 'readwrite')
  evex('vpdpwssd', 'v v vm', 'rvm', [1, 2, 0x52], {}, 'readwrite')
}

function blendsAndPermutations(): void {
  vex('vblendvps', 'v v vm v', 'rvm4', [1, 3, 0x4a])
  evex('vblendmps', 'v v vm', 'rvm', [1, 2, 0x65])
  evex('vpblendmd', 'v v vm', 'rvm', [1, 2, 0x64])
  both('vpermilps', 'v vm i', 'rm', [1, 3, 0x04])
  both('vshufps', 'v v vm i', 'rvm', [0, 1, 0xc6])
  both('vunpcklps', 'v v vm', 'rvm', [0, 1, 0x14])
  both('vunpckhps', 'v v vm', 'rvm', [0, 1, 0x15])
  both('vpermd', 'v v vm', 'rvm', [1, 2, 0x36])
  both('vpermps', 'v v vm', 'rvm', [1, 2, 0x16])
  both('vpermq', 'v vm i', 'rm', [1, 3, 0x00], { w: 1, element: 8 })
  evex('vpermt2ps', 'v v vm', 'rvm', [1, 2, 0x7f], {}, 'readwrite')
  evex('vshuff32x4', 'v v vm i', 'rvm', [1, 3, 0x23])
  vex('vperm2f128', 'v v vm i', 'rvm', [1, 3, 0x06])
  vex('vextractf128', 'vm v i', 'mr', [1, 3, 0x19])
  vex('vextracti128', 'vm v i', 'mr', [1, 3, 0x39])
  vex('vinsertf128', 'v v vm i', 'rvm', [1, 3, 0x18])
  vex('vinserti128', 'v v vm i', 'rvm', [1, 3, 0x38])
  evex('vextractf32x4', 'vm v i', 'mr', [1, 3, 0x19], { tuple: 16 })
  evex('vextractf64x4', 'vm v i', 'mr', [1, 3, 0x1b], { w: 1, tuple: 32 })
  evex('vextracti64x4', 'vm v i', 'mr', [1, 3, 0x3b], { w: 1, tuple: 32 })
  evex('vinsertf64x4', 'v v vm i', 'rvm', [1, 3, 0x1a], { w: 1, tuple: 32 })
  evex('vinserti64x4', 'v v vm i', 'rvm', [1, 3, 0x3a], { w: 1, tuple: 32 })
  both('vpinsrd', 'v v dm i', 'rvm', [1, 3, 0x22], { tuple: 4 })
  both('vpextrd', 'dm v i', 'mr', [1, 3, 0x16], { tuple: 4 })
}

function narrowAndGathered(): void {
  vex('vmaskmovps', 'v v m', 'rvm', [1, 2, 0x2c])
  vex('vmaskmovps', 'm v v', 'mvr', [1, 2, 0x2e])
  both('vpmovzxwd', 'v vm', 'rm', [1, 2, 0x33], { tuple: 'half' })
  both('vpmovsxwd', 'v vm', 'rm', [1, 2, 0x23], { tuple: 'half' })
  both('vpmovzxbd', 'v vm', 'rm', [1, 2, 0x31], { tuple: 'quarter' })
  both('vpmovsxbd', 'v vm', 'rm', [1, 2, 0x21], { tuple: 'quarter' })
  both('vpmovzxbw', 'v vm', 'rm', [1, 2, 0x30], { tuple: 'half' })
  both('vpmovsxbw', 'v vm', 'rm', [1, 2, 0x20], { tuple: 'half' })
  evex('vpmovdw', 'vm v', 'mr', [2, 2, 0x33], { tuple: 'half' })
  evex('vpmovdb', 'vm v', 'mr', [2, 2, 0x31], { tuple: 'quarter' })
  vex('vgatherdps', 'v m v', 'rmv', [1, 2, 0x92], {}, 'readwrite')
  evex('vgatherdps', 'v m', 'rm', [1, 2, 0x92], { tuple: 4 }, 'readwrite')
  vex('vzeroupper', '', 'none', [0, 1, 0x77], {}, 'none')
}

function masks(): void {
  vex('kmovw', 'k km', 'rm', [0, 1, 0x90])
  vex('kmovw', 'm k', 'mr', [0, 1, 0x91])
  vex('kmovw', 'k d', 'rm', [0, 1, 0x92])
  vex('kmovw', 'd k', 'rm', [0, 1, 0x93])
  vex('kmovq', 'k km', 'rm', [0, 1, 0x90], { w: 1 })
  vex('kmovq', 'm k', 'mr', [0, 1, 0x91], { w: 1 })
  for (const [name, opcode] of [
    ['kandw', 0x41],
    ['kandnw', 0x42],
    ['korw', 0x45],
    ['kxnorw', 0x46],
    ['kxorw', 0x47],
  ] as const)
    vex(name, 'k k k', 'rvm', [0, 1, opcode])
  vex('knotw', 'k k', 'rm', [0, 1, 0x44])
  vex('kortestw', 'k k', 'rm', [0, 1, 0x98], {}, 'read')
}

let built = false

/** The instruction of a name. The tables are built when first asked for one. */
export function instructionNamed(name: string): Entry | undefined {
  if (!built) {
    built = true
    for (const build of [
      generalRegisters,
      moves,
      floatArithmetic,
      conversions,
      integers,
      blendsAndPermutations,
      narrowAndGathered,
      masks,
    ])
      build()
  }
  return entries.get(name)
}

/** What an instruction does to its operands: all but the first are only read, and so are registers in addresses. */
export function accessOf(name: string): { readonly first: Access } {
  return { first: instructionNamed(name)?.first ?? 'none' }
}
