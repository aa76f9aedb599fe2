import type { Table } from './table.js'

/** Four instructions: vectors and single lanes of f32 and f64. */
function arithmetic(name: string, opcode: string): Table {
  return {
    [`v${name}ps`]: `ve 0F.W0 ${opcode}: V V V/m/b4`,
    [`v${name}pd`]: `ve 66.0F.W01 ${opcode}: V V V/m/b8`,
    [`v${name}ss`]: `ve F3.0F.W0 ${opcode}: X X X/m32`,
    [`v${name}sd`]: `ve F2.0F.W01 ${opcode}: X X X/m64`,
  }
}

function bitwise(name: string, opcode: string): Table {
  return {
    [`v${name}ps`]: `ve 0F.W0 ${opcode}: V V V/m/b4`,
    [`v${name}pd`]: `ve 66.0F.W01 ${opcode}: V V V/m/b8`,
  }
}

function fused(): Table {
  const table: Record<string, string> = {}
  ;(['132', '213', '231'] as const).forEach((order, i) => {
    for (const [name, low] of [
      ['vfmadd', 8],
      ['vfmsub', 10],
      ['vfnmadd', 12],
      ['vfnmsub', 14],
    ] as const) {
      const [packed, single] = [low, low + 1].map((digit) => '9AB'[i]! + digit.toString(16).toUpperCase())
      table[`${name}${order}ps`] = `rw; ve 66.0F38.W0 ${packed}: V V V/m/b4`
      table[`${name}${order}pd`] = `rw; ve 66.0F38.W1 ${packed}: V V V/m/b8`
      table[`${name}${order}ss`] = `rw; ve 66.0F38.W0 ${single}: X X X/m32`
      table[`${name}${order}sd`] = `rw; ve 66.0F38.W1 ${single}: X X X/m64`
    }
  })
  return table
}

/** Arithmetic, comparisons and conversions of floats. */
export function floatInstructions(): Table {
  return {
    ...arithmetic('add', '58'),
    ...arithmetic('mul', '59'),
    ...arithmetic('sub', '5C'),
    ...arithmetic('min', '5D'),
    ...arithmetic('div', '5E'),
    ...arithmetic('max', '5F'),
    ...bitwise('and', '54'),
    ...bitwise('andn', '55'),
    ...bitwise('or', '56'),
    ...bitwise('xor', '57'),
    ...fused(),
    vsqrtps: 've 0F.W0 51: V V/m/b4',
    vsqrtpd: 've 66.0F.W01 51: V V/m/b8',
    vsqrtss: 've F3.0F.W0 51: X X X/m32',
    vsqrtsd: 've F2.0F.W01 51: X X X/m64',
    vhaddps: 'v F2.0F 7C: V V V/m',
    vdpps: 'v 66.0F3A 40: V V V/m u8',
    vdpbf16ps: 'rw; e F3.0F38.W0 52: V V V/m/b4',
    // Comparisons.
    vcomiss: 'ro; ve 0F.W0 2F -k: X X/m32',
    vucomiss: 'ro; ve 0F.W0 2E -k: X X/m32',
    vucomisd: 'ro; ve 66.0F.W01 2E -k: X X/m64',
    vcmpps: 'v 0F C2: V V V/m u8; e 0F.W0 C2: k V V/m/b4 u8',
    vcmppd: 'v 66.0F C2: V V V/m u8; e 66.0F.W1 C2: k V V/m/b8 u8',
    vcmpss: 'v F3.0F C2: X X X/m32 u8; e F3.0F.W0 C2: k X X/m32 u8',
    vcmpsd: 'v F2.0F C2: X X X/m64 u8; e F2.0F.W1 C2: k X X/m64 u8',
    // Rounding, exponent and mantissa, approximations.
    vroundps: 'v 66.0F3A 08: V V/m u8',
    vroundss: 'v 66.0F3A 0A: X X X/m32 u8',
    vrndscaleps: 'e 66.0F3A.W0 08: V V/m/b4 u8',
    vrndscaless: 'e 66.0F3A.W0 0A: X X X/m32 u8',
    vreduceps: 'e 66.0F3A.W0 56: V V/m/b4 u8',
    vscalefps: 'e 66.0F38.W0 2C: V V V/m/b4',
    vscalefss: 'e 66.0F38.W0 2D: X X X/m32',
    vgetexpps: 'e 66.0F38.W0 42: V V/m/b4',
    vgetmantps: 'e 66.0F3A.W0 26: V V/m/b4 u8',
    vrcp14ps: 'e 66.0F38.W0 4C: V V/m/b4',
    vrsqrt14ps: 'e 66.0F38.W0 4E: V V/m/b4',
    // Conversions. Those to half as many bits read memory only where the result is a ymm: an xmm doesn't say
    // how much.
    vcvtdq2ps: 've 0F.W0 5B: V V/m/b4',
    vcvtps2dq: 've 66.0F.W0 5B: V V/m/b4',
    vcvttps2dq: 've F3.0F.W0 5B: V V/m/b4',
    vcvtdq2pd: 've F3.0F.W0 E6: V H/m/b4',
    vcvtps2pd: 've 0F.W0 5A: V H/m/b4',
    vcvtpd2ps: 've.xy 66.0F.W01 5A: H V; e 66.0F.W1 5A: Y Z/m/b8',
    vcvttpd2dq: 've.xy 66.0F.W01 E6: H V; e 66.0F.W1 E6: Y Z/m/b8',
    vcvtsi2ss: 've F3.0F 2A -k: X X r/m',
    vcvtsi2sd: 've F2.0F 2A -k: X X r/m',
    vcvtss2si: 've F3.0F 2D -k: r X/m32',
    vcvttss2si: 've F3.0F 2C -k: r X/m32',
    vcvtsd2si: 've F2.0F 2D -k: r X/m64',
    vcvttsd2si: 've F2.0F 2C -k: r X/m64',
    vcvtss2sd: 've F3.0F.W0 5A: X X X/m32',
    vcvtsd2ss: 've F2.0F.W01 5A: X X X/m64',
    vcvtph2ps: 've 66.0F38.W0 13: V H/m',
    vcvtps2ph: 've 66.0F3A.W0 1D: H/m V u8',
    vcvtneps2bf16: 'e.xy F3.0F38.W0 72: H V; e F3.0F38.W0 72: Y Z/m/b4',
    vcvtne2ps2bf16: 'e F2.0F38.W0 72: V V V/m/b4',
  }
}
