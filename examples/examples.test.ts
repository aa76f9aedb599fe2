import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('.', import.meta.url))
const examples = readdirSync(folder).filter((file) => /(?<!\.test)\.ts$/.test(file))

test('there are examples', () => {
  expect(examples.length).toBeGreaterThan(0)
})

test.each(examples)('%s runs, and has something to say', (example) => {
  const built = `${folder}dist/${example.replace(/\.ts$/, '.js')}`
  const { status, stdout, stderr } = spawnSync(process.execPath, [built], { encoding: 'utf8', cwd: folder })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.trim()).not.toBe('')
})
