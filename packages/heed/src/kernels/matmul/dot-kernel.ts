import type { Kernel, Mask } from '../language/index.js'
import { kernel } from '../language/index.js'
import { type Epilogue, epilogueName, writeFinish } from './epilogue.js'
import { divide, type OuterParameters, outerParameters, outerPointers } from './outer.js'
import { productOperands, repeat } from './product-kernel.js'

/** What is fixed while a dot kernel is written. */
export interface DotForm {
  /** Rows of A, and columns of B, whose products are summed at the same time. */
  readonly rows: number
  readonly columns: number
  /** Vectors of a row and a column that are multiplied at a time. */
  readonly unroll: number
  /** Neighbours along n are neighbours in C. */
  readonly contiguous: boolean
  /** Outer axes. */
  readonly rank: number
  readonly epilogue: Epilogue
}

export type DotKernel = Kernel<typeof dotParameters & OuterParameters>

const kernels = new Map<string, DotKernel>()

/**
 * C = A·B for few rows, where the rows of A and the columns of B are runs of memory. Each element of C is one
 * dot product over vectors, and B is read once, as it lies. A task is `blockColumns` columns of C with all
 * rows, at one place of the outer axes.
 */
export function dotKernel(form: DotForm): DotKernel {
  const name = `matmul-dot-${form.rows}x${form.columns}x${form.unroll}${form.contiguous ? '' : '-scattered'}-${form.rank}${epilogueName(form.epilogue)}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, form)))
  return known
}

const dotParameters = {
  a: 'f32*',
  b: 'f32*',
  c: 'f32*',
  m: 'i32',
  n: 'i32',
  k: 'i32',
  aRow: 'i32',
  bColumn: 'i32',
  cRow: 'i32',
  cColumn: 'i32',
  blocksN: 'i32',
  blockColumns: 'i32',
  scale: 'f32',
  bias: 'f32*',
  biasRow: 'i32',
  biasColumn: 'i32',
  residual: 'f32*',
  residualRow: 'i32',
  residualColumn: 'i32',
} as const

/** Elements that one row asks for ahead: some kilobytes. */
const elementsAhead = 512

function write(name: string, { rows, columns, unroll, contiguous, rank, epilogue }: DotForm): DotKernel {
  const parameters = { ...dotParameters, ...outerParameters(rank, productOperands) }
  return kernel(name, parameters, (k, p, task) => {
    const [nBlock, outer] = divide(task, p.blocksN)
    const { a, b, c, bias, residual } = outerPointers(
      { a: p.a, b: p.b, c: p.c, bias: p.bias, residual: p.residual },
      rank,
      p,
      outer,
    )
    const stride = unroll * k.lanes
    const whole = unroll === 1 ? k.int(0) : p.k.sub(p.k.rem(stride))
    const first = nBlock.mul(p.blockColumns)
    const end = first.add(p.blockColumns).min(p.n)
    k.loop(first, end, columns, (column) => {
      // Rows and columns beyond the last repeat it; their sums are dropped.
      const bColumns = repeat(columns, (j) => b.at(column.add(j).min(p.n.sub(1)).mul(p.bColumn)))
      k.loop(0, p.m, rows, (row) => {
        const aRows = repeat(rows, (i) => a.at(row.add(i).min(p.m.sub(1)).mul(p.aRow)))
        const sums = repeat(rows, () => repeat(columns, () => k.variable(k.vector(0))))
        // With few columns at a time further sums keep the units busy.
        const more = repeat(unroll - 1, () =>
          repeat(rows, () => repeat(columns, () => k.variable(k.vector(0)))),
        )
        if (unroll > 1)
          k.loop(0, whole, stride, (i) =>
            [sums, ...more].forEach((each, u) => {
              if (rows === 1 && k.machine.name === 'x64')
                bColumns.forEach((column) => k.prefetch(column.at(i).at(u * k.lanes + elementsAhead)))
              aRows.forEach((from, r) => {
                const left = k.load(from.at(i).at(u * k.lanes))
                bColumns.forEach((column, j) => {
                  const sum = each[r]![j]!
                  sum.set(k.load(column.at(i).at(u * k.lanes)).fma(left, sum.get()))
                })
              })
            }),
          )
        more.forEach((each) =>
          each.forEach((line, r) =>
            line.forEach((sum, j) => sums[r]![j]!.set(sums[r]![j]!.get().add(sum.get()))),
          ),
        )
        k.vectors(p.k.sub(whole), (step, mask?: Mask) => {
          const i = step.add(whole)
          const right = bColumns.map((from) => k.load(from.at(i), mask))
          aRows.forEach((from, r) => {
            const left = k.load(from.at(i), mask)
            right.forEach((vector, j) => {
              const sum = sums[r]![j]!
              sum.set(vector.fma(left, sum.get()))
            })
          })
        })
        sums.forEach((line, r) =>
          k.if(row.add(r).lt(p.m), () => {
            const to = c.at(row.add(r).mul(p.cRow))
            line.forEach((sum, j) =>
              k.if(column.add(j).lt(end), () =>
                k.store(to.at(column.add(j).mul(p.cColumn)), sum.get().sum()),
              ),
            )
          }),
        )
      })
    })
    writeFinish(
      k,
      epilogue,
      contiguous,
      {
        ...p,
        c: c.at(first.mul(p.cColumn)),
        bias: bias.at(first.mul(p.biasColumn)),
        residual: residual.at(first.mul(p.residualColumn)),
      },
      p.m,
      end.sub(first),
    )
  })
}
