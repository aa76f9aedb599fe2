import { input } from '../kernels/index.js'
import { halves, reduceExpression, type RotateAttributes, turned } from '../tensor/index.js'
import type { GradientRule } from './rule.js'

const [a, b, gradientA, gradientB] = [input(0), input(1), input(2), input(3)]

/** The rotation's row of the table: a gradient is turned back. */
export const rotaryGradients: Readonly<Record<string, GradientRule>> = {
  rotate({ inputs, attributes }, gradient, wanted) {
    const [x, cosine, sine] = inputs
    const { axis, pairs } = attributes as RotateAttributes
    const ofX = wanted(x!) ? turned(gradient, axis, cosine!, sine!, pairs, true) : undefined
    const parts = (table: typeof cosine, swapped: boolean): ReturnType<typeof turned> => {
      const count = table!.layout.find(({ name }) => name === 'pair')!.size
      const all = [...halves(x!, axis, count, pairs), ...halves(gradient, axis, count, pairs)]
      const over = all[0]!.axes.filter((name) => !table!.layout.some((other) => other.name === name))
      const product = swapped
        ? a.mul(gradientB).sub(b.mul(gradientA))
        : a.mul(gradientA).add(b.mul(gradientB))
      return reduceExpression('sum', product, all, over)
    }
    return [
      ofX,
      wanted(cosine!) ? parts(cosine, false) : undefined,
      wanted(sine!) ? parts(sine, true) : undefined,
    ]
  },
}
