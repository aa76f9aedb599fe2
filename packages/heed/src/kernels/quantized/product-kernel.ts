import type { Builder, Int, Kernel, ParameterType, Pointer, Vector } from '../language/index.js'
import { kernel } from '../language/index.js'
import { type Epilogue, epilogueName, writeFinish } from '../matmul/epilogue.js'
import { type ProductOperands, type SumsForm, sumTile } from './product-sums.js'

/** What is fixed while a kernel that multiplies with packed weights is written. */
export interface QuantizedProductForm extends SumsForm {
  readonly epilogue: Epilogue
}

const kernels = new Map<string, QuantizedProductKernel>()

/**
 * C = A·W for packed weights W and rows A in the form that `rowsKernel` gives them. A task is `blockPanels`
 * panels with `blockRows` rows: panel by panel, so that weights are read once where there are few rows, and
 * stay near where there are many.
 */
export function quantizedProductKernel(form: QuantizedProductForm): QuantizedProductKernel {
  const { format, multiplication, rows, panels, unroll, left = 'runs', epilogue } = form
  const name = `product-${format}-${multiplication}-${rows}x${panels}x${unroll}${left === 'runs' ? '' : `-${left}`}${epilogueName(epilogue)}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, form)))
  return known
}

const parameters = {
  a: 'i32*',
  aScales: 'f32*',
  aStarts: 'i32*',
  w: 'i32*',
  scales: 'u16*',
  factors: 'u8*',
  c: 'f32*',
  m: 'i32',
  n: 'i32',
  /** Elements of 4 (or `floatBytes`) bytes from one row to the next. */
  aRow: 'i32',
  words: 'i32',
  groups: 'i32',
  scaleCount: 'i32',
  cRow: 'i32',
  panelCount: 'i32',
  blocksM: 'i32',
  blockRows: 'i32',
  blockPanels: 'i32',
  scale: 'f32',
  bias: 'f32*',
  biasRow: 'i32',
  biasColumn: 'i32',
  residual: 'f32*',
  residualRow: 'i32',
  residualColumn: 'i32',
} as const
export type QuantizedProductKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>

function write(name: string, form: QuantizedProductForm): QuantizedProductKernel {
  const { multiplication, rows, panels, epilogue } = form
  const declared = { ...parameters, a: multiplication === 'floats' ? 'f32*' : 'i32*' } as const
  return kernel(name, declared, (k, p, task) => {
    const panelBlock = task.div(p.blocksM)
    const firstRow = task.sub(panelBlock.mul(p.blocksM)).mul(p.blockRows)
    const rowEnd = firstRow.add(p.blockRows).min(p.m)
    const firstPanel = panelBlock.mul(p.blockPanels)
    const panelEnd = firstPanel.add(p.blockPanels).min(p.panelCount)
    const columnEnd = panelEnd.mul(k.lanes).min(p.n)
    const [lastRow, lastPanel] = [p.m.sub(1), p.panelCount.sub(1)]
    k.loop(firstPanel, panelEnd, panels, (panel) => {
      // Rows and panels beyond the last repeat it; their sums are dropped.
      const here = repeat(panels, (v) => panel.add(v).min(lastPanel))
      k.loop(firstRow, rowEnd, rows, (row) => {
        const rowsHere = repeat(rows, (r) => row.add(r).min(lastRow))
        const sums = sumTile(k, form, p as unknown as ProductOperands, rowsHere, here)
        k.unroll(rows, (r) =>
          k.if(row.add(r).lt(rowEnd), () => {
            const to = p.c.at(row.add(r).mul(p.cRow))
            k.unroll(panels, (v) => storePanel(k, to, panel.add(v).mul(k.lanes), columnEnd, sums[r]![v]!))
          }),
        )
      })
    })
    const firstColumn = firstPanel.mul(k.lanes)
    writeFinish(
      k,
      epilogue,
      true,
      {
        ...p,
        cColumn: k.int(1),
        c: p.c.at(firstRow.mul(p.cRow)).at(firstColumn),
        bias: p.bias.at(firstRow.mul(p.biasRow)).at(firstColumn.mul(p.biasColumn)),
        residual: p.residual.at(firstRow.mul(p.residualRow)).at(firstColumn.mul(p.residualColumn)),
      },
      rowEnd.sub(firstRow),
      columnEnd.sub(firstColumn),
    )
  })
}

/** As much of a panel's vector as lies before `end`. */
function storePanel(k: Builder, row: Pointer<'f32'>, column: Int, end: Int, value: Vector): void {
  const to = row.at(column)
  k.if(
    column.add(k.lanes).le(end),
    () => k.store(to, value),
    () => k.if(column.lt(end), () => k.store(to, value, k.tail(end.sub(column)))),
  )
}

function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
