import { expect, test } from 'vitest'
import type { Worst } from '../../targets/testing/accuracy.js'
import { bounds, exactly, expanded, forms, names, patterns, worst } from '../../targets/testing/accuracy.js'

/** Every so many of the 2³² floats; HEED_LONG=1021 takes them all. */
const stride = Math.max(1, Math.floor(1021 / Number(process.env['HEED_LONG'] ?? 1)))
const piece = 2 ** 18

test.each(names)(
  `%s is within its bound at every ${stride}th float, in every form`,
  { timeout: 1e9 },
  (name) => {
    const { ulp, absolute } = bounds[name]
    const functions = forms.map((form) => expanded(name, form))
    const found = forms.map((): Worst => ({ ulp: 0, ulpAt: NaN, absolute: 0, absoluteAt: NaN, wrong: [] }))
    for (let first = 0; first < 2 ** 32; first += stride * piece) {
      const x = patterns(first, stride, piece)
      const exact = exactly(name, x)
      functions.forEach((expanded, i) => {
        found[i] = worse(found[i]!, worst(x, expanded(x), exact))
      })
    }
    forms.forEach((form, i) => {
      const { wrong, ...most } = found[i]!
      const where = `${JSON.stringify(form)}: `
      expect(wrong, where).toEqual([])
      expect(most.ulp, `${where}at ${most.ulpAt}`).toBeLessThanOrEqual(ulp)
      expect(most.absolute, `${where}at ${most.absoluteAt}`).toBeLessThanOrEqual(absolute ?? Infinity)
    })
  },
)

function worse(a: Worst, b: Worst): Worst {
  return {
    ...(a.ulp >= b.ulp ? { ulp: a.ulp, ulpAt: a.ulpAt } : { ulp: b.ulp, ulpAt: b.ulpAt }),
    ...(a.absolute >= b.absolute
      ? { absolute: a.absolute, absoluteAt: a.absoluteAt }
      : { absolute: b.absolute, absoluteAt: b.absoluteAt }),
    wrong: [...a.wrong, ...b.wrong.slice(0, 10)].slice(0, 10),
  }
}
