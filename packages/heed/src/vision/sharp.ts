/** The package sharp, which decodes pictures in Node: an optional peer. */
import { firstLineOf } from './refused.js'

/** The part of sharp that is used. */
export interface SharpPipeline {
  metadata(): Promise<{ readonly space?: string; readonly width: number; readonly height: number }>
  autoOrient(): SharpPipeline
  pipelineColourspace(space: string): SharpPipeline
  toColourspace(space: string): SharpPipeline
  raw(options: { readonly depth: 'uchar' }): SharpPipeline
  timeout(options: { readonly seconds: number }): SharpPipeline
  toBuffer(options: { readonly resolveWithObject: true }): Promise<{
    readonly data: Uint8Array
    readonly info: { readonly width: number; readonly height: number; readonly channels: number }
  }>
}

/** What sharp is called with. */
export interface SharpOptions {
  readonly failOn: 'error'
  readonly limitInputPixels: number
  readonly ignoreIcc: boolean
}

/** The package's function. */
export interface Sharp {
  (bytes: Uint8Array, options: SharpOptions): SharpPipeline
  readonly versions: { readonly sharp?: string }
}

/** The first minor version that has all of it. */
const leastMinor = 34

let known: Sharp | string | undefined

/** sharp, or why it isn't there. Asked once. */
export function findSharp(): Sharp | string {
  return (known ??= look())
}

function look(): Sharp | string {
  const { createRequire } = globalThis.process.getBuiltinModule('node:module')
  const { realpathSync } = globalThis.process.getBuiltinModule('node:fs')
  const { process } = globalThis
  const program = process.argv[1]
  // From the library's own place, then the program's, or the working folder where there is none.
  const places = [
    () => import.meta.url,
    () => (program === undefined ? `${process.cwd()}/eval.js` : realpathSync(program)),
  ]
  for (const place of places) {
    let path: string
    let require: NodeJS.Require
    try {
      require = createRequire(place())
      path = require.resolve('sharp')
    } catch {
      continue
    }
    try {
      const sharp = require(path) as Sharp
      const [major = 0, minor = 0] = (sharp.versions.sharp ?? '').split('.').map(Number)
      if (major > 0 || minor >= leastMinor) return sharp
      return `sharp ${sharp.versions.sharp} is too old, version 0.${leastMinor} is needed`
    } catch (error) {
      return `sharp can't be loaded: ${firstLineOf(error)}`
    }
  }
  return 'the package sharp is not installed'
}
