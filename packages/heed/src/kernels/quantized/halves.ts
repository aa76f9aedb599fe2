import { collapse, transposed, unitAxis } from '../matmul/axes.js'
import type { MatmulRequest } from '../matmul/request.js'
import type { Launch } from '../launch.js'
import { packedShape } from './format.js'
import { planPackWeights, planQuantizedProduct, type PackedWeights } from './plan.js'

/** Products smaller than this are not worth two more passes over their operands. */
const leastProducts = 2 ** 21
const leastSize = 16

/** How a product of f32 matrices is computed with their elements rounded to bf16, and sums in f32. */
export interface HalvesProduct {
  /** How B may be packed ahead; undefined where it isn't what is packed. */
  readonly ahead: PackedHalves | undefined
  /** The launches; `packedB` where B was packed ahead. */
  plan(allocate: (bytes: number) => number, packedB?: number): Launch[]
}

/** A form of packed B: its name, the bytes that it takes, and what writes B in it to `target`. */
export interface PackedHalves {
  readonly key: string
  readonly bytes: number
  pack(b: number, target: number): Launch[]
}

/**
 * The product that a request asks for as one of bf16 numbers, two in each multiply-add (Micikevicius et al.
 * 2018, "Mixed precision training": products of halves, sums in f32). Undefined where the machine has no such
 * instruction, where the product is small, or where its operands are no plain matrices.
 */
export function halvesProduct(request: MatmulRequest): HalvesProduct | undefined {
  const { machine } = request
  if (!machine.dots.has('halves') || collapse(request.batch).length > 0) return undefined
  const lists = [request.m, request.n, request.k].map(collapse)
  if (lists.some(({ length }) => length > 1)) return undefined
  let [m, n, k] = lists.map(([axis]) => axis ?? unitAxis) as [
    typeof unitAxis,
    typeof unitAxis,
    typeof unitAxis,
  ]
  if (Math.min(m.size, n.size, k.size) < leastSize || m.size * n.size * k.size < leastProducts)
    return undefined
  const swapped = n.c !== 1 && m.c === 1
  if (swapped) [m, n, k] = [transposed(n), transposed(m), transposed(k)]
  if (n.c !== 1) return undefined
  const format = 'bf16'
  const packed = (columns: number, address: number): PackedWeights & { readonly format: 'bf16' } => ({
    machine,
    format,
    address,
    columns,
    depth: k.size,
  })
  const bytesOf = (columns: number): number => packedShape(format, machine, columns, k.size).bytes
  const bytes = bytesOf(n.size)
  const pack = (b: number, target: number): Launch[] => planPackWeights(packed(n.size, target), b, k.b, n.b)
  return {
    ahead: swapped ? undefined : { key: `bf16 ${n.size}/${n.b} ${k.size}/${k.b}`, bytes, pack },
    plan(allocate, packedB) {
      const [a, b] = swapped ? [request.b, request.a] : [request.a, request.b]
      const launches: Launch[] = []
      let panels: number | undefined
      if (k.a !== 1) {
        panels = allocate(bytesOf(m.size))
        launches.push(...planPackWeights(packed(m.size, panels), a, k.a, m.a))
      }
      const address = packedB ?? allocate(bytes)
      if (packedB === undefined) launches.push(...pack(b, address))
      const { scale, bias, activation, residual } = request
      const product = planQuantizedProduct(
        {
          weights: packed(n.size, address),
          a,
          aRow: m.a,
          m: m.size,
          c: request.c,
          cRow: m.c,
          ...(panels !== undefined && { panels }),
          ...(scale !== undefined && { scale }),
          ...(bias !== undefined && { bias: { address: bias, row: m.bias, column: n.bias } }),
          ...(activation !== undefined && { activation }),
          ...(residual !== undefined && {
            residual: { address: residual, row: m.residual, column: n.residual },
          }),
        },
        allocate,
      )
      return [...launches, ...product]
    },
  }
}
