import fc from 'fast-check'
import { assemble, printProgram } from '../../kernels/index.js'
import { printCode } from '../print-code.js'
import type { Run } from '../target.js'
import { evaluate } from './evaluate.js'
import type { Variant } from './launch.js'
import { elements, randomProgram } from './random-program.js'

const places = { parameters: 64, x: 1024, y: 2048, z: 4096, scratch: 8192 } as const
/** Elements that a vector may reach behind the others. */
const reach = 16
const bytes = 16384
const tasks = 2

/**
 * What a program finds: floats of all sizes in `x` and its scratch memory, small and large integers
 * elsewhere.
 */
function fillHeap(buffer: ArrayBufferLike): void {
  const [f32, i32, u8] = [new Float32Array(buffer), new Int32Array(buffer), new Uint8Array(buffer)]
  for (let i = 0; i < bytes; i++) u8[i] = (i * 7919) >> 3
  for (const start of [places.x, places.scratch])
    for (let i = 0; i < elements + reach; i++)
      f32[start / 4 + i] = (((i * 37) % 101) - 50) * 2 ** ((i % 7) - 3)
  for (let i = 0; i < elements + reach; i++)
    i32[places.y / 4 + i] = i % 3 === 0 ? Math.imul(i, 0x9e3779b1) : ((i * 29) % 83) - 41
  const values = [places.x, places.y, places.z, 3]
  values.forEach((value, i) => (i32[places.parameters / 4 + 2 * i] = value))
  f32[places.parameters / 4 + 2 * values.length] = 1.25
}

/** Bits, with every NaN alike where floats are. */
function result(buffer: ArrayBufferLike): Int32Array {
  const [words, floats] = [new Int32Array(buffer, 0, bytes / 4).slice(), new Float32Array(buffer)]
  for (const start of [places.x, places.scratch])
    for (let i = start / 4; i < start / 4 + elements + reach; i++)
      if (Number.isNaN(floats[i])) words[i] = 0x7fc00000
  return words
}

/** Runs the program of these choices on a target and by its meaning: @throws where they differ. */
export function compareRandom({ name, target: make }: Variant, choices: readonly number[]): void {
  const target = make(true)
  const program = assemble(randomProgram(choices), target.machine)
  const expected = new ArrayBuffer(bytes)
  fillHeap(expected)
  evaluate(program, expected, places.parameters, 0, tasks, places.scratch)
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  fillHeap(memory.buffer)
  let run: Run
  try {
    run = target.load(target.emit(program), memory)
    printCode(target, program)
  } catch (error) {
    throw new Error(`${name}: ${String(error)}\n${printProgram(program)}`, { cause: error })
  }
  run(places.parameters, 0, tasks, places.scratch)
  const [wanted, found] = [result(expected), result(memory.buffer)]
  const wrong = wanted.findIndex((word, i) => word !== found[i])
  if (wrong >= 0)
    throw new Error(
      `${name}: the word at byte ${4 * wrong} is ${found[wrong]}, not ${wanted[wrong]}\n${printProgram(program)}`,
    )
}

/** Programs of every length, most of them with more values than there are registers. */
export const randomChoices: fc.Arbitrary<number[]> = fc.noBias(
  fc.oneof(
    ...[60, 400, 2500].map((most) =>
      fc.array(fc.nat(0xffff), { minLength: most / 10, maxLength: most, size: 'max' }),
    ),
  ),
)
