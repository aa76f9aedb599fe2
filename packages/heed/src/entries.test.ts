import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import * as heed from './index.js'
import * as internals from './internals.js'
import * as absent from './targets/x64/absent.js'
import * as present from './targets/x64/index.js'

test('what is public is listed by name', () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
  const lists = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('-names.ts'))
  const all = lists.map((name) => `export * from './${name.replace('.ts', '.js')}'`)
  expect(
    read('index.ts')
      .match(/export (type )?\*.*/g)
      ?.sort(),
  ).toEqual(all.sort())
  for (const name of lists) expect(read(name)).not.toMatch(/export (type )?\*/)
  expect(Object.keys(heed).length).toBeLessThan(Object.keys(internals).length)
})

test("heed's names are among those of heed/internals, with the same values", () => {
  expect(internals).toMatchObject(heed)
})

test('the built entries share one library', () => {
  const program = `
    import * as heed from 'heed'
    import * as internals from 'heed/internals'
    const other = Object.keys(heed).filter((name) => heed[name] !== internals[name])
    const x = heed.tensor([1, 2], { width: 2 })
    const device = internals.defaultDevice() === heed.currentDevice()
    console.log(JSON.stringify({ other, tensor: x instanceof internals.Tensor, device, sum: heed.sum(x).item() }))`
  expect(JSON.parse(run(program))).toEqual({ other: [], tensor: true, device: true, sum: 3 })
})

test.each(['node', 'browser'] as const)(
  'a bundler for %s leaves nothing out that is needed',
  async (platform) => {
    const { outputFiles } = await build({
      stdin: {
        contents: "import { ones } from 'heed'; console.log(ones({ width: 3 }).mul(2).values().join())",
        resolveDir: import.meta.dirname,
      },
      bundle: true,
      format: 'esm',
      platform,
      write: false,
    })
    const program = outputFiles[0]!.text
    expect(run(program)).toBe('2,2,2\n')
    // Of the modules, only what is used.
    if (platform === 'browser') {
      expect(program).not.toContain('class Trainer')
      expect(program).not.toContain('vfmadd') // nor machine code
    }
  },
)

test.runIf(internals.x64Widths().length > 0)(
  'machine code is kept for later processes, but for kernels of others',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'heed-cache-'))
    const ran = (cache: string, value: number): unknown => {
      const program = `
      import { currentDevice, kernel, ones } from 'heed/internals'
      const mine = kernel('mine', { x: 'f32*' }, (k, { x }) => k.store(x, k.float(${value})))
      const device = currentDevice()
      const at = device.heap.allocate(64)
      device.launch(mine, [at], 1)
      const { target } = device
      let written = 0 // times that code was written
      const emit = target.emit
      target.emit = (...given) => (written++, emit(...given))
      const product = ones({ width: 3 }).mul(2).values().join()
      console.log(JSON.stringify([product, device.heap.f32[at >> 2], written, target.keptIn?.path ?? null]))`
      return JSON.parse(run(program, { HEED_TARGET: 'x64', HEED_CACHE: cache }))
    }
    try {
      const first = ran(folder, 1) as [string, number, number, string]
      expect(first).toEqual(['2,2,2', 1, 1, expect.stringContaining(folder)])
      const kept = readFileSync(first[3])
      expect(kept.includes('map ')).toBe(true)
      expect(kept.includes('mine')).toBe(false)
      expect(ran(folder, 2)).toEqual(['2,2,2', 2, 0, first[3]])
      expect(readFileSync(first[3]).equals(kept)).toBe(true)
      expect(ran('', 3)).toEqual(['2,2,2', 3, 1, null])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

function run(program: string, environment: NodeJS.ProcessEnv = {}): string {
  return execFileSync(process.execPath, ['--input-type=module'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    input: program,
    env: { ...process.env, ...environment },
  })
}

test("what stands in machine code's place in browsers has its names, and says why it does nothing", () => {
  expect(Object.keys(absent).sort()).toEqual(Object.keys(present).sort())
  expect(absent.x64Widths()).toEqual([])
  expect(absent.x64Refusal()).toMatch(/browser/)
  expect(absent.cacheFolder({ HEED_CACHE: '/somewhere' })).toBeUndefined()
  expect(() => absent.x64Target({ width: 256 })).toThrow(/a browser runs no machine code/)
})
