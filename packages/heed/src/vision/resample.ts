/** How pixels between pixels are found, in the words of Pillow's filters. */
export type Resample = 'nearest' | 'lanczos' | 'bilinear' | 'bicubic' | 'box' | 'hamming'

/** The names by the number that processors write them as: Pillow's `Resampling`. */
export const resampleNames: readonly Resample[] = [
  'nearest',
  'lanczos',
  'bilinear',
  'bicubic',
  'box',
  'hamming',
]

/** A filter: how far it reaches where nothing shrinks, in pixels, and its weight at a distance. */
export interface ResampleFilter {
  readonly support: number
  readonly weight: (distance: number) => number
}

/** The filters that weigh pixels. `nearest` takes one. */
export const resampleFilters: Readonly<Record<Exclude<Resample, 'nearest'>, ResampleFilter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) >= 1 ? 0 : sinc(Math.abs(x)) * (0.54 + 0.46 * Math.cos(Math.PI * x))),
  },
  // Keys, 1981: cubic convolution, with a = -1/2.
  bicubic: {
    support: 2,
    weight: (x) => {
      const t = Math.abs(x)
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}
