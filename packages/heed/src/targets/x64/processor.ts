import type { Convention } from './compile.js'
import { type Native, nativeCode } from './native.js'

/** What the processor at hand has, as far as the operating system lets it be used. */
export interface Processor {
  /** `AuthenticAMD`, `GenuineIntel` */
  readonly vendor: string
  /** As the maker names it. */
  readonly brand: string
  /** AVX2, FMA, BMI1, BMI2 and F16C: what machine code for 256-bit vectors needs. */
  readonly avx2: boolean
  /** AVX-512 F, BW, DQ and VL as well: what machine code for 512-bit vectors needs. */
  readonly avx512: boolean
  /** vdpbf16ps on AVX-512. */
  readonly bf16: boolean
  /** vpdpbusd on AVX-512. */
  readonly vnni: boolean
  /** vpermb on AVX-512. */
  readonly vbmi: boolean
  /** vpdpbusd on AVX2's registers, in AVX's encoding. */
  readonly avxVnni: boolean
  /** What is there, by the names that the makers give: `AVX2`. */
  readonly features: readonly string[]
  /** What machine code needs and this machine lacks; empty where `avx2`. */
  readonly lacks: readonly string[]
  /** Sizes in bytes, the first level's for data; null where the processor doesn't say. */
  readonly caches: Readonly<Record<'level1' | 'level2' | 'level3', number | null>>
}

let known: Processor | undefined

/** Asks the processor itself. */
export function processor(native: Native): Processor {
  return (known ??= readProcessor(questions(native)))
}

/** The vector widths that this machine and system run: none, 256, or 256 and 512. */
export function x64Widths(): readonly (256 | 512)[] {
  const native = nativeCode()
  if (typeof native === 'string') return []
  const { avx2, avx512 } = processor(native)
  return avx2 ? (avx512 ? [256, 512] : [256]) : []
}

/** Why this machine runs no machine code, in a sentence; undefined where it does. */
export function x64Refusal(): string | undefined {
  const native = nativeCode()
  if (typeof native === 'string') return native
  const { lacks } = processor(native)
  return lacks.length === 0 ? undefined : `the processor or the system lacks ${lacks.join(', ')}`
}

/** What the instructions answer: eax, ebx, ecx, edx. */
type Answer = ArrayLike<number>

export interface Questions {
  cpuid(leaf: number, part: number): Answer
  /** Which registers the operating system saves, a bit each. */
  xgetbv(): Answer
}

const bit = (word: number, place: number): boolean => ((word >>> place) & 1) === 1

/** Intel's manual, volume 2, CPUID; AMD's, volume 3, appendix E. */
export function readProcessor(ask: Questions): Processor {
  const leaf = (number: number, part = 0): number[] => {
    const last = ask.cpuid(number < 0x8000_0000 ? 0 : 0x8000_0000, 0)[0]! >>> 0
    return number <= last ? Array.from(ask.cpuid(number, part)) : [0, 0, 0, 0]
  }
  const [, nameStart, nameEnd, nameMiddle] = leaf(0)
  const c1 = leaf(1)[2]!
  const [parts7, b7, c7] = leaf(7) as [number, number, number]
  const a71 = parts7 >= 1 ? leaf(7, 1)[0]! : 0
  const saved = bit(c1, 27) ? ask.xgetbv()[0]! : 0
  const ymm = (saved & 0x06) === 0x06
  const zmm = (saved & 0xe6) === 0xe6
  const needed: Readonly<Record<string, boolean>> = {
    AVX: ymm && bit(c1, 28),
    AVX2: ymm && bit(b7, 5),
    FMA: ymm && bit(c1, 12),
    BMI1: bit(b7, 3),
    BMI2: bit(b7, 8),
    F16C: ymm && bit(c1, 29),
  }
  const lacks = Object.keys(needed).filter((name) => !needed[name])
  const avx2 = lacks.length === 0
  const avx512 = avx2 && zmm && [16, 17, 30, 31].every((place) => bit(b7, place))
  const [bf16, vnni, vbmi] = [avx512 && bit(a71, 5), avx512 && bit(c7, 11), avx512 && bit(c7, 1)]
  const avxVnni = avx2 && bit(a71, 4)
  const more = {
    'AVX-512': avx512,
    'AVX-512 BF16': bf16,
    'AVX-512 VNNI': vnni,
    'AVX-512 VBMI': vbmi,
    'AVX-VNNI': avxVnni,
  }
  return {
    vendor: textOf([nameStart!, nameMiddle!, nameEnd!]),
    brand: textOf([2, 3, 4].flatMap((part) => leaf(0x8000_0000 + part))),
    avx2,
    avx512,
    bf16,
    vnni,
    vbmi,
    avxVnni,
    features: Object.entries({ ...needed, ...more }).flatMap(([name, there]) => (there ? [name] : [])),
    lacks,
    caches: readCaches(leaf),
  }
}

/** AMD lists its caches in the form of Intel's leaf 4, at a place of its own. */
function readCaches(leaf: (number: number, part?: number) => readonly number[]): Processor['caches'] {
  const caches: Record<keyof Processor['caches'], number | null> = {
    level1: null,
    level2: null,
    level3: null,
  }
  const place = bit(leaf(0x8000_0001)[2]!, 22) ? 0x8000_001d : 4
  for (let part = 0; part < 16; part++) {
    const [a, b, c] = leaf(place, part) as [number, number, number]
    const [kind, level] = [a & 31, (a >>> 5) & 7]
    if (kind === 0) break
    const [data, unified] = [1, 3]
    if ((kind !== data && kind !== unified) || level < 1 || level > 3) continue
    const [ways, partitions, line] = [(b >>> 22) + 1, ((b >>> 12) & 1023) + 1, (b & 4095) + 1]
    caches[`level${level as 1 | 2 | 3}`] = ways * partitions * line * ((c >>> 0) + 1)
  }
  return caches
}

/** Text in words of four letters, up to the first zero. */
function textOf(words: readonly number[]): string {
  const letters = [...new Uint8Array(Uint32Array.from(words).buffer)]
  return String.fromCharCode(...letters)
    .split('\0')[0]!
    .trim()
}

export function questions(native: Native): Questions {
  const memory = { buffer: new ArrayBuffer(64) }
  const words = new Uint32Array(memory.buffer, 0, 4)
  const bind = (instruction: 'cpuid' | 'xgetbv'): Questions['cpuid'] => {
    const run = native.bind(native.map(bytesOf(questionCode[instruction][native.convention])), memory)
    return (leaf, part) => {
      run(leaf, part, 0, 0)
      return words.slice()
    }
  }
  const [cpuid, xgetbv] = [bind('cpuid'), bind('xgetbv')]
  return { cpuid, xgetbv: () => xgetbv(0, 0) }
}

/**
 * Functions in the kernels' calling form that ask for `parameters` and `begin`, and leave eax, ebx, ecx, edx
 * at the heap's start. As bytes: most processes that run code which is kept on disk assemble nothing else.
 */
export const questionCode: Readonly<Record<'cpuid' | 'xgetbv', Readonly<Record<Convention, string>>>> = {
  cpuid: {
    systemv: '534989f989f089d10fa241890141895904418949084189510c5bc3',
    windows: '534989c989d04489c10fa241890141895904418949084189510c5bc3',
  },
  xgetbv: {
    systemv: '534989f989f089d189c10f01d041890141895904418949084189510c5bc3',
    windows: '534989c989d04489c189c10f01d041890141895904418949084189510c5bc3',
  },
}

const bytesOf = (hexadecimal: string): Uint8Array =>
  Uint8Array.from(hexadecimal.match(/../g)!, (byte) => Number.parseInt(byte, 16))
