import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  expect(JSON.parse(printed)).toEqual({ other: [], tensor: true, device: true, sum: 3 })
})
