import type { Kernel } from '../language/index.js'
import { kernel } from '../language/index.js'
import { divide, type OuterParameters, outerParameters, outerPointers } from './outer.js'
import { repeat } from './product-kernel.js'

/** What is fixed while a pack kernel is written. */
export interface PackForm {
  /** Lines (rows of A, columns of B) in a panel. */
  readonly width: number
  /** Elements between one k and the next in a packed panel; ≥ width. */
  readonly pitch: number
  /**
   * Neighbouring lines are neighbours in memory: whole vectors are copied. Else each line is walked along k.
   */
  readonly vectors: boolean
  /** Outer axes. */
  readonly rank: number
}

export type PackKernel = Kernel<typeof packParameters & OuterParameters>

const kernels = new Map<string, PackKernel>()

/**
 * Copies a matrix of `count` lines × k into panels: target[panel][k][pitch], line l of panel p being line p ·
 * width + l. Lines beyond the last are 0. A task is one panel at one place of the outer axes.
 */
export function packKernel(form: PackForm): PackKernel {
  const name = `matmul-pack-${form.width}/${form.pitch}-${form.vectors ? 'vectors' : 'lines'}-${form.rank}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, form)))
  return known
}

const packParameters = {
  source: 'f32*',
  target: 'f32*',
  count: 'i32',
  k: 'i32',
  line: 'i32',
  depth: 'i32',
  panels: 'i32',
  panelStep: 'i32',
} as const

export const packOperands = ['source', 'target'] as const

function write(name: string, { width, pitch, vectors, rank }: PackForm): PackKernel {
  const parameters = { ...packParameters, ...outerParameters(rank, packOperands) }
  return kernel(name, parameters, (k, p, task) => {
    const [panel, outer] = divide(task, p.panels)
    const moved = outerPointers({ source: p.source, target: p.target }, rank, p, outer)
    const first = panel.mul(width)
    const source = moved.source.at(first.mul(p.line))
    const target = moved.target.at(panel.mul(p.panelStep))
    const valid = p.count.sub(first).min(width)
    const whole = valid.eq(width)
    if (vectors) {
      const starts = repeat(Math.ceil(pitch / k.lanes), (v) => v * k.lanes)
      k.if(
        whole,
        () =>
          k.loop(0, p.k, 1, (i) => {
            const [from, to] = [source.at(i.mul(p.depth)), target.at(i.mul(pitch))]
            for (const start of starts) k.store(to.at(start), k.load(from.at(start)))
          }),
        () => {
          const masks = starts.map((start) => k.tail(valid.sub(start)))
          k.loop(0, p.k, 1, (i) => {
            const [from, to] = [source.at(i.mul(p.depth)), target.at(i.mul(pitch))]
            starts.forEach((start, v) => k.store(to.at(start), k.load(from.at(start), masks[v])))
          })
        },
      )
      return
    }
    const group = 4
    k.if(
      whole,
      () => {
        for (let start = 0; start < width; start += group) {
          const lines = repeat(Math.min(group, width - start), (l) => source.at(p.line.mul(start + l)))
          k.loop(0, p.k, 1, (i) => {
            const [step, to] = [i.mul(p.depth), target.at(i.mul(pitch))]
            const elements = lines.map((line) => k.loadScalar(line.at(step)))
            elements.forEach((element, l) => k.store(to.at(start + l), element))
          })
        }
      },
      () =>
        k.loop(0, width, 1, (l) => {
          const [from, to] = [source.at(l.mul(p.line)), target.at(l)]
          k.if(
            l.lt(valid),
            () =>
              k.loop(0, p.k, 1, (i) => k.store(to.at(i.mul(pitch)), k.loadScalar(from.at(i.mul(p.depth))))),
            () => k.loop(0, p.k, 1, (i) => k.store(to.at(i.mul(pitch)), k.float(0))),
          )
        }),
    )
  })
}
