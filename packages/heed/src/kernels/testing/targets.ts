import {
  interpreter,
  type Target,
  wasmFeatures,
  wasmTarget,
  x64Target,
  x64Widths,
} from '../../targets/index.js'

/** Every form of machine that kernels run on here, the interpreter first. */
export function everyTarget(): readonly (readonly [name: string, target: Target])[] {
  const { relaxed } = wasmFeatures()
  return [
    ['interpreter', interpreter],
    ...([4, 8] as const).map(
      (lanes) => [`wasm, ${lanes} lanes`, wasmTarget({ lanes, relaxed, shared: true })] as const,
    ),
    ...x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width })] as const),
  ]
}
