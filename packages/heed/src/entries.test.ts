import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import * as heed from './index.js'
import * as internals from './internals.js'

test('what is public is listed by name', () => {
  const text = readFileSync(new URL('index.ts', import.meta.url), 'utf8')
  expect(text).not.toMatch(/export (type )?\*/)
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
      external: ['node:*'],
      write: false,
    })
    const program = outputFiles[0]!.text
    expect(run(program)).toBe('2,2,2\n')
    // Of the modules, only what is used.
    if (platform === 'browser') expect(program).not.toContain('class Trainer')
  },
)

function run(program: string): string {
  return execFileSync(process.execPath, ['--input-type=module'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    input: program,
  })
}
