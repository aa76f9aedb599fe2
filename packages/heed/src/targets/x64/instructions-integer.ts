import type { Table } from './table.js'

/** Lanes of 8 and 16 bits, and what else broadcasts no element. */
function narrow(map: '0F' | '0F38', opcode: string): string {
  return `ve 66.${map} ${opcode}: V V V/m`
}
function words(map: '0F' | '0F38', opcode: string): string {
  return `ve 66.${map}.W0 ${opcode}: V V V/m/b4`
}
function longs(map: '0F' | '0F38', opcode: string): string {
  return `ve 66.${map}.W01 ${opcode}: V V V/m/b8`
}

/** By an immediate, or by as many bits as an xmm register or memory says. */
function shift(code: string, digit: number, byRegister: string, w: 'W0' | 'W01', element: string): string {
  return `v 66.0F ${code}/${digit}: V V u8; e 66.0F.${w} ${code}/${digit}: V V/m${element} u8;
    ve 66.0F.${w} ${byRegister}: V V X/m128`
}

/** Arithmetic, comparisons and shifts of integers. */
export function integerInstructions(): Table {
  return {
    vpaddb: narrow('0F', 'FC'),
    vpaddw: narrow('0F', 'FD'),
    vpaddd: words('0F', 'FE'),
    vpaddq: longs('0F', 'D4'),
    vpsubb: narrow('0F', 'F8'),
    vpsubw: narrow('0F', 'F9'),
    vpsubd: words('0F', 'FA'),
    vpsubq: longs('0F', 'FB'),
    vpmulld: words('0F38', '40'),
    vpmullw: narrow('0F', 'D5'),
    vpmulhw: narrow('0F', 'E5'),
    vpmulhuw: narrow('0F', 'E4'),
    vpmulhrsw: narrow('0F38', '0B'),
    vpmuludq: longs('0F', 'F4'),
    vpmuldq: longs('0F38', '28'),
    vpmaddwd: narrow('0F', 'F5'),
    vpmaddubsw: narrow('0F38', '04'),
    vpabsb: 've 66.0F38 1C: V V/m',
    vpabsw: 've 66.0F38 1D: V V/m',
    vpabsd: 've 66.0F38.W0 1E: V V/m/b4',
    vpsignb: 'v 66.0F38 08: V V V/m',
    vpsignw: 'v 66.0F38 09: V V V/m',
    vpsignd: 'v 66.0F38 0A: V V V/m',
    vpminsb: narrow('0F38', '38'),
    vpminub: narrow('0F', 'DA'),
    vpminsw: narrow('0F', 'EA'),
    vpminuw: narrow('0F38', '3A'),
    vpminsd: words('0F38', '39'),
    vpminud: words('0F38', '3B'),
    vpmaxsb: narrow('0F38', '3C'),
    vpmaxub: narrow('0F', 'DE'),
    vpmaxsw: narrow('0F', 'EE'),
    vpmaxuw: narrow('0F38', '3E'),
    vpmaxsd: words('0F38', '3D'),
    vpmaxud: words('0F38', '3F'),
    vpavgb: narrow('0F', 'E0'),
    vpavgw: narrow('0F', 'E3'),
    vpsadbw: 've 66.0F F6 -k: V V V/m',
    vpdpbusd: 'rw; e 66.0F38.W0 50: V V V/m/b4',
    vpdpbusds: 'rw; e 66.0F38.W0 51: V V V/m/b4',
    vpdpwssd: 'rw; e 66.0F38.W0 52: V V V/m/b4',
    // AVX-VNNI, on processors that have it: a name of its own, since AVX-512 VNNI doesn't imply it.
    '{vex} vpdpbusd': 'rw; v 66.0F38.W0 50: V V V/m',
    '{vex} vpdpwssd': 'rw; v 66.0F38.W0 52: V V V/m',
    vpopcntd: 'e 66.0F38.W0 55: V V/m/b4',
    vplzcntd: 'e 66.0F38.W0 44: V V/m/b4',
    // Bits.
    vpand: 'v 66.0F DB: V V V/m',
    vpandn: 'v 66.0F DF: V V V/m',
    vpor: 'v 66.0F EB: V V V/m',
    vpxor: 'v 66.0F EF: V V V/m',
    vpandd: 'e 66.0F.W0 DB: V V V/m/b4',
    vpandnd: 'e 66.0F.W0 DF: V V V/m/b4',
    vpord: 'e 66.0F.W0 EB: V V V/m/b4',
    vpxord: 'e 66.0F.W0 EF: V V V/m/b4',
    vpandq: 'e 66.0F.W1 DB: V V V/m/b8',
    vporq: 'e 66.0F.W1 EB: V V V/m/b8',
    vpxorq: 'e 66.0F.W1 EF: V V V/m/b8',
    vpternlogd: 'rw; e 66.0F3A.W0 25: V V V/m/b4 u8',
    // Comparisons.
    vptest: 'ro; v 66.0F38 17: V V/m',
    vpcmpeqb: 'v 66.0F 74: V V V/m; e 66.0F 74: k V V/m',
    vpcmpeqw: 'v 66.0F 75: V V V/m; e 66.0F 75: k V V/m',
    vpcmpeqd: 'v 66.0F 76: V V V/m; e 66.0F.W0 76: k V V/m/b4',
    vpcmpgtb: 'v 66.0F 64: V V V/m; e 66.0F 64: k V V/m',
    vpcmpgtw: 'v 66.0F 65: V V V/m; e 66.0F 65: k V V/m',
    vpcmpgtd: 'v 66.0F 66: V V V/m; e 66.0F.W0 66: k V V/m/b4',
    vpcmpb: 'e 66.0F3A.W0 3F: k V V/m u8',
    vpcmpub: 'e 66.0F3A.W0 3E: k V V/m u8',
    vpcmpw: 'e 66.0F3A.W1 3F: k V V/m u8',
    vpcmpuw: 'e 66.0F3A.W1 3E: k V V/m u8',
    vpcmpd: 'e 66.0F3A.W0 1F: k V V/m/b4 u8',
    vpcmpud: 'e 66.0F3A.W0 1E: k V V/m/b4 u8',
    vptestmd: 'e 66.0F38.W0 27: k V V/m/b4',
    vptestnmd: 'e F3.0F38.W0 27: k V V/m/b4',
    // Shifts.
    vpsllw: shift('71', 6, 'F1', 'W0', ''),
    vpsrlw: shift('71', 2, 'D1', 'W0', ''),
    vpsraw: shift('71', 4, 'E1', 'W0', ''),
    vpslld: shift('72', 6, 'F2', 'W0', '/b4'),
    vpsrld: shift('72', 2, 'D2', 'W0', '/b4'),
    vpsrad: shift('72', 4, 'E2', 'W0', '/b4'),
    vpsllq: shift('73', 6, 'F3', 'W01', '/b8'),
    vpsrlq: shift('73', 2, 'D3', 'W01', '/b8'),
    vpsllvd: words('0F38', '47'),
    vpsrlvd: words('0F38', '45'),
    vpsravd: words('0F38', '46'),
    vpsllvq: 've 66.0F38.W1 47: V V V/m/b8',
    vpsrlvq: 've 66.0F38.W1 45: V V V/m/b8',
    vpsllvw: 'e 66.0F38.W1 12: V V V/m',
    vpsrlvw: 'e 66.0F38.W1 10: V V V/m',
    vpsravw: 'e 66.0F38.W1 11: V V V/m',
    vprold: 'e 66.0F.W0 72/1: V V/m/b4 u8',
    vprord: 'e 66.0F.W0 72/0: V V/m/b4 u8',
    vpsrldq: 'v 66.0F 73/3: V V u8; e 66.0F 73/3 -k: V V/m u8',
    vpslldq: 'v 66.0F 73/7: V V u8; e 66.0F 73/7 -k: V V/m u8',
  }
}
