import type { Table } from './table.js'

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

function hexadecimal(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}

function conditional(): Table {
  const table: Record<string, string> = {}
  conditions.forEach((condition, number) => {
    table[`j${condition}`] = `${hexadecimal(0x70 + number)}: rel`
    table[`set${condition}`] = `0F ${hexadecimal(0x90 + number)}: r8/M8`
    table[`cmov${condition}`] = `rw; 0F ${hexadecimal(0x40 + number)}: r r/m`
  })
  return table
}

function arithmetic(): Table {
  const table: Record<string, string> = {}
  for (const [name, digit] of [
    ['add', 0],
    ['or', 1],
    ['and', 4],
    ['sub', 5],
    ['xor', 6],
    ['cmp', 7],
  ] as const) {
    const [store, load] = [hexadecimal(8 * digit + 1), hexadecimal(8 * digit + 3)]
    table[name] =
      `${name === 'cmp' ? 'ro' : 'rw'}; ${store}: r/m r; ${load}: r m; 83/${digit}: r/m i8; 81/${digit}: r/m i32`
  }
  return table
}

function shifts(): Table {
  const table: Record<string, string> = {}
  for (const [name, digit] of [
    ['rol', 0],
    ['ror', 1],
    ['shl', 4],
    ['shr', 5],
    ['sar', 7],
  ] as const)
    table[name] = `rw; D1/${digit}: r/m one; C1/${digit}: r/m u8; D3/${digit}: r/m cl`
  return table
}

/** Instructions of the general registers. */
export function generalInstructions(): Table {
  return {
    ...arithmetic(),
    ...shifts(),
    ...conditional(),
    // Moves. Memory without a width of its own has 32 bits, beside a register as many as that.
    mov: `89: r/m r; 8B: r m; 66 89: m16 r16; 88: m8 r8; 66 8B: r16 m16; 8A: r8 m8; B8+r: r32 i32;
      W1 C7/0: r64 s32; W1 B8+r: r64 i64; C7/0: m i32; 66 C7/0: M16 i16; C6/0: M8 u8`,
    movabs: 'W1 B8+r: r64 i64',
    movzx: '0F B6: r r8/M8; 0F B7: r r16/M16',
    movsx: '0F BE: r r8/M8; 0F BF: r r16/M16',
    movsxd: 'W1 63: r64 r32/m32',
    lea: '8D: r any',
    push: 'ro; 50+r: r64',
    pop: '58+r: r64',
    // Arithmetic.
    imul: 'rw; 0F AF: r r/m; 6B: r r/m i8; 69: r r/m i32',
    neg: 'rw; F7/3: r/m',
    not: 'rw; F7/2: r/m',
    test: 'ro; 85: r/m r; F7/0: r/m i32',
    bt: 'ro; 0F BA/4: r/m u8',
    shlx: 'v 66.0F38 F7 rmv: r r/m r',
    sarx: 'v F3.0F38 F7 rmv: r r/m r',
    shrx: 'v F2.0F38 F7 rmv: r r/m r',
    bzhi: 'v 0F38 F5 rmv: r r/m r',
    popcnt: 'F3.0F B8: r r/m',
    tzcnt: 'F3.0F BC: r r/m',
    lzcnt: 'F3.0F BD: r r/m',
    // Control.
    jmp: 'ro; EB: rel; FF/4: r64',
    call: 'ro; FF/2: r64',
    ret: 'C3:',
    nop: '90:',
    int3: 'CC:',
    ud2: '0F 0B:',
    pause: 'F3 90:',
    cpuid: '0F A2:',
    rdtsc: '0F 31:',
    xgetbv: '0F 01D0:',
    // Memory.
    prefetchnta: '0F 18/0: any',
    prefetcht0: '0F 18/1: any',
    prefetcht1: '0F 18/2: any',
    prefetcht2: '0F 18/3: any',
    prefetchw: '0F 0D/1: any',
    mfence: '0F AEF0:',
    sfence: '0F AEF8:',
    lfence: '0F AEE8:',
  }
}
