/**
 * How long the compiler takes to check operations on named axes: a program of 1,000 typed operations beside
 * an empty one that imports the same library, in turns; the difference is what the operations cost.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { optionsOf } from './options.js'
import { summaryOf } from './statistics.js'

const operations = 1000

/** A program whose operations each have axes of their own, so that no answer can be remembered. */
function program(count: number): string {
  const lines = [
    `import { dot, map, mean, scalar, softmax, sum, tensor, type Tensor } from 'heed'`,
    `void scalar`,
  ]
  for (let i = 0; lines.length - 2 < count; i++) {
    lines.push(
      `export const query${i} = tensor([0], { batch${i}: 1, head: 1, query: 1, width: 1 })`,
      `export const key${i} = tensor([0], { batch${i}: 1, head: 1, key: 1, width: 1 })`,
      `export const scores${i} = dot(query${i}, key${i}, 'width').mul(0.5)`,
      `export const filter${i}: Tensor<'batch${i}' | 'head' | 'query' | 'key'> = softmax(scores${i}, 'key')`,
      `export const mixed${i} = dot(filter${i}, key${i}, 'key')`,
      `export const joined${i} = mixed${i}.merge(['head', 'width'], 'width')`,
      `export const sum${i} = sum(joined${i}.add(query${i}.at('head', 0)), 'query')`,
      `export const scaled${i} = map((x, y) => x.mul(y.exp()), joined${i}, sum${i})`,
      `export const renamed${i} = scaled${i}.rename({ query: 'position', width: 'hidden' })`,
      `export const loss${i}: Tensor<never> = mean(renamed${i}.split('hidden', { part: 1, rest: 1 }))`,
    )
  }
  return lines.join('\n')
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = join(root, '.cache', 'bench-types')
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

function check(file: string): number {
  const start = performance.now()
  const options =
    '--ignoreConfig --noEmit --strict --skipLibCheck --types node --target es2022 --lib es2023,dom --module nodenext --moduleResolution nodenext'
  execFileSync(process.execPath, [tsc, ...options.split(' '), file], { cwd: folder, stdio: 'inherit' })
  return (performance.now() - start) / 1000
}

const { json, quick } = optionsOf()
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
writeFileSync(join(folder, 'empty.ts'), program(0))
writeFileSync(join(folder, 'operations.ts'), program(operations))
const times: Record<'empty' | 'operations', number[]> = { empty: [], operations: [] }
for (let round = 0; round < (quick ? 3 : 9); round++) {
  for (const name of ['empty', 'operations'] as const) times[name].push(check(`${name}.ts`))
}
rmSync(folder, { recursive: true })
const extra = summaryOf(times.operations.map((seconds, round) => seconds - times.empty[round]!))
const total = summaryOf(times.operations)
if (json) {
  const claims = [
    { work: `check ${operations} typed operations`, ...total },
    { work: `check ${operations} typed operations, beyond an empty program`, ...extra },
  ]
  process.stdout.write(
    `${JSON.stringify(
      claims.map(({ work, ...figures }) => ({
        work,
        unit: 's',
        higherIsBetter: false,
        heed: { target: 'tsc', ...figures },
        peers: {},
        limit: null,
      })),
      null,
      2,
    )}\n`,
  )
} else {
  process.stdout.write(
    `${operations} typed operations: tsc takes ${total.median.toFixed(2)} s (${total.min.toFixed(2)} … ${total.max.toFixed(2)}), ` +
      `${extra.median.toFixed(2)} s of them beyond a program that only imports heed\n`,
  )
}
