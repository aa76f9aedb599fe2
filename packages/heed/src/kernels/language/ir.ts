/**
 * The kernel language's intermediate form: what a kernel is after it was written with `Builder`
 * and before a target turns it into something that runs.
 *
 * A program is a list of instructions in single-assignment form, with structured loops and branches.
 * Each result has a number; `types[number]` is its type. Only `variable`s can be assigned again.
 */

/**
 * Scalars: `i32`, `f32`, `bool`. Vectors of `machine.lanes` elements: `ivector` (i32), `vector` (f32), `mask`
 * (bool). On a machine with 8-byte floats (the interpreter), `f32` and `vector` compute in f64.
 */
export type Type = 'i32' | 'f32' | 'bool' | 'ivector' | 'vector' | 'mask'

/** What a pointer may point at. `f32` elements take `machine.floatBytes`; the others their own size. */
export type ElementType = 'f32' | 'i32' | 'u16' | 'u8' | 'i8' | 'f16' | 'bf16'

/** A parameter of a kernel: a number, or a pointer into the heap (a byte address). */
export type ParameterType = 'i32' | 'f32' | `${ElementType}*`

/** What an instruction can be told about the machine that it is assembled for. */
export interface Machine {
  /** The target's name: `interpreter`, `wasm`, `x64`. */
  readonly name: string
  /** Elements in a vector: 1 (interpreter), 4 or 8 (wasm), 8 or 16 (x64). */
  readonly lanes: number
  /** Vector values that can be live at once without spilling: 16 or 32 full-width registers. */
  readonly registers: number
  /** Bytes of one `f32` element in the heap: 4, or 8 where floats are computed and stored in f64. */
  readonly floatBytes: 4 | 8
  /** True where exp, log, … are instructions; false where the builder writes them out as polynomials. */
  readonly math: boolean
  /** True where `fma` rounds once. */
  readonly fused: boolean
  /**
   * The sums of products of narrow elements that are one instruction of the machine, beside `shorts`; the
   * builder writes the others out.
   */
  readonly dots: ReadonlySet<Exclude<NarrowDot, 'shorts'>>
  /** Whole vectors of f16 become floats as they are loaded; else the builder writes that out. */
  readonly loadsF16?: true
}

/**
 * (a: ivector, b: ivector, c) -> c + the sum of the products of narrow elements, within each lane of 32 bits:
 * - `bytes`: four bytes, those of `a` unsigned and those of `b` signed. Exact; sums wrap as `add` does.
 * - `sevenBits`: `bytes` where each of `a`'s is below 128; unspecified where one is not.
 * - `shorts`: two signed 16-bit integers. Exact; sums wrap.
 * - `halves`: two bf16 numbers; c and the result are vectors of floats. The product of the upper two is added
 *   first, then that of the lower two, each as `fma` does. Where it is an instruction each step rounds once,
 *   and subnormal numbers count as 0.
 */
export type NarrowDot = 'bytes' | 'sevenBits' | 'shorts' | 'halves'

/**
 * (a: T, b: T) -> T, T a vector: its lanes, in groups of four, in another order. Numbers count the elements
 * of a group.
 * - `low`, `high`: a0 b0 a1 b1 and a2 b2 a3 b3, in each group.
 * - `lowPairs`, `highPairs`: a0 a1 b0 b1 and a2 a3 b2 b3, in each group.
 * - `evenGroups`, `oddGroups`: every other group of a, from the first or from the second on, then of b; where
 *   there are several.
 */
export type Shuffle = 'low' | 'high' | 'lowPairs' | 'highPairs' | 'evenGroups' | 'oddGroups'

/** (a: T, b: T) -> T. Integers wrap; `div` of integers truncates; shifts take their count modulo 32. */
export type BinaryOperation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  /** Integers only: remainder with the sign of the dividend. */
  | 'rem'
  /**
   * b < a ? b : a and a < b ? b : a; a NaN in a is kept, one in b is lost. Integers: signed. `Term.min` and
   * `max` write what keeps both.
   */
  | 'min'
  | 'max'
  /** Integers, booleans, masks. */
  | 'and'
  | 'or'
  | 'xor'
  /** Integers only: left, arithmetic right, logical right. */
  | 'shl'
  | 'shr'
  | 'ushr'

/** (a: T) -> T. `round` is to nearest, ties to even. `not` takes booleans, masks and integers. */
export type UnaryOperation = 'neg' | 'abs' | 'sqrt' | 'floor' | 'ceil' | 'round' | 'not'

/** (a: T) -> T on floats; instructions only on machines with `math`. */
export type MathOperation =
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'erfcx'
  | 'tanh'
  | 'erf'
  | 'rsqrt'
  | 'sin'
  | 'cos'

/** (a: T, b: T) -> bool or mask. Integers compare signed. Comparisons with NaN are false, but for `ne`. */
export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

/**
 * (a) -> b, element by element. `toInt` truncates towards 0 (out of range: unspecified). `bits` reinterprets.
 */
export type Conversion =
  | /** i32 -> f32, ivector -> vector */ 'toFloat'
  /** f32 -> i32, vector -> ivector */
  | 'toInt'
  /** f32 -> i32, vector -> ivector */
  | 'toBits'
  /** i32 -> f32, ivector -> vector */
  | 'fromBits'
  /** i32 -> ivector, f32 -> vector, bool -> mask: all lanes alike */
  | 'broadcast'

/**
 * vector -> f32, ivector -> i32: sum (in a fixed order), least, largest. mask -> bool: any, all. Where a lane
 * is NaN, least and largest are unspecified.
 */
export type Reduction = 'sum' | 'least' | 'largest' | 'any' | 'all'

export type Block = Instruction[]

/** `result` is the number of the instruction's result; instructions without one have none. */
export type Instruction =
  | { readonly op: 'constant'; readonly result: number; readonly value: number }
  /** Reads parameter number `index`. */
  | { readonly op: 'parameter'; readonly result: number; readonly index: number }
  /** The address of this thread's scratch memory. */
  | { readonly op: 'scratch'; readonly result: number }
  /** 0, 1, …, lanes − 1 */
  | { readonly op: 'laneIndex'; readonly result: number }
  | {
      readonly op: 'binary'
      readonly name: BinaryOperation
      readonly result: number
      readonly a: number
      readonly b: number
    }
  | { readonly op: 'unary'; readonly name: UnaryOperation; readonly result: number; readonly a: number }
  | { readonly op: 'math'; readonly name: MathOperation; readonly result: number; readonly a: number }
  | {
      readonly op: 'compare'
      readonly name: Comparison
      readonly result: number
      readonly a: number
      readonly b: number
    }
  | { readonly op: 'convert'; readonly name: Conversion; readonly result: number; readonly a: number }
  | { readonly op: 'reduce'; readonly name: Reduction; readonly result: number; readonly a: number }
  /** a × b + c; rounded once where `machine.fused`, else twice. */
  | {
      readonly op: 'fma'
      readonly result: number
      readonly a: number
      readonly b: number
      readonly c: number
    }
  /** See `NarrowDot`. */
  | {
      readonly op: 'dot'
      readonly name: NarrowDot
      readonly result: number
      readonly a: number
      readonly b: number
      readonly c: number
    }
  /** See `Shuffle`. */
  | {
      readonly op: 'shuffle'
      readonly name: Shuffle
      readonly result: number
      readonly a: number
      readonly b: number
    }
  /** condition ? a : b; condition is a bool for scalars, a mask for vectors. */
  | {
      readonly op: 'select'
      readonly result: number
      readonly condition: number
      readonly a: number
      readonly b: number
    }
  /**
   * Reads at byte address `address + offset` (offset ≥ 0). A scalar result reads one element, a vector result
   * `lanes` consecutive ones. `mask` (vectors only): lanes outside it are 0. Addresses are unsigned 32-bit
   * and aligned to the element. Element `f32` gives f32/vector, and so does `f16`, of which whole vectors are
   * read where the machine `loadsF16`; `i32`, `u16`, `u8`, `i8` give i32/ivector (else f16, and bf16, are
   * read as u16 and converted by the builder).
   */
  | {
      readonly op: 'load'
      readonly element: MachineElement
      readonly result: number
      readonly address: number
      readonly offset: number
      readonly mask?: number
    }
  /**
   * Reads one element for each lane at byte address `address + offset + indices[lane] × element size`. Masked
   * lanes are 0 and not read.
   */
  | {
      readonly op: 'gather'
      readonly element: 'f32' | 'i32'
      readonly result: number
      readonly address: number
      readonly offset: number
      readonly indices: number
      readonly mask?: number
    }
  /**
   * Writes a scalar or a vector; lanes outside `mask` are left alone. Integers are cut to the element's size.
   * `past` (whole vectors of f32 and i32 only, at addresses that are multiples of the vector's bytes) is a
   * hint: what is written need not be kept in the caches.
   */
  | {
      readonly op: 'store'
      readonly element: StoredElement
      readonly value: number
      readonly address: number
      readonly offset: number
      readonly mask?: number
      readonly past?: true
    }
  /**
   * Bytes at `address + offset` will be read soon. A hint: it changes nothing, and any address is allowed.
   */
  | { readonly op: 'prefetch'; readonly address: number; readonly offset: number }
  | { readonly op: 'declare'; readonly variable: number; readonly value: number }
  | { readonly op: 'assign'; readonly variable: number; readonly value: number }
  | { readonly op: 'read'; readonly result: number; readonly variable: number }
  /**
   * for (counter = start; counter < end; counter += step) body. Numbers are signed, `end` and `step` are
   * evaluated once, and step > 0.
   */
  | {
      readonly op: 'loop'
      readonly counter: number
      readonly start: number
      readonly end: number
      readonly step: number
      readonly body: Block
    }
  /** while (condition block; test) body */
  | { readonly op: 'while'; readonly condition: Block; readonly test: number; readonly body: Block }
  | { readonly op: 'if'; readonly test: number; readonly then: Block; readonly otherwise: Block }

/** The elements that store instructions know, and those of loads. */
export type StoredElement = 'f32' | 'i32' | 'u16' | 'u8' | 'i8'
export type MachineElement = StoredElement | 'f16'

/**
 * A kernel assembled for a machine. Every target gives it the same calling form:
 * `run(parameters: address, begin: i32, end: i32, scratch: address)`. `body` is executed for each task in
 * [begin, end), and `task` is that task's number. Parameter i lies at `parameters + 8 i`. It is an i32 or an
 * f32 (f64 where floats have 8 bytes).
 */
export interface Program {
  readonly name: string
  readonly machine: Machine
  readonly parameters: readonly { readonly name: string; readonly type: ParameterType }[]
  /** Type of each result, by number. */
  readonly types: readonly Type[]
  /** Type of each variable, by number. */
  readonly variables: readonly Type[]
  /** Run once a call, before the first task: reads parameters and what depends on nothing else. */
  readonly prologue: Block
  /** The number of the result that holds the task number inside `body`. */
  readonly task: number
  readonly body: Block
}
