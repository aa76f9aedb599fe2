import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AttendResult } from '@heed/studio'
import { isLowRank, loadDecoder, mapTree, normal, isTensor, randomKey, saveAdapter, withLowRank } from 'heed'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { heed, temporaryFolder, tinyConfigs, writeCheckpoint } from './testing.js'

describe('--adapter', () => {
  const folder = temporaryFolder()
  const [base, adapter, merged] = ['base', 'adapter', 'merged'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ]
  beforeAll(async () => {
    mkdirSync(base)
    writeCheckpoint(base, tinyConfigs.decoder)
    const adapted = withLowRank(await loadDecoder(base), { targets: ['blocks'], rank: 2, trained: ['norm'] })
    const isWeight = (value: unknown): value is object => isLowRank(value) || isTensor(value)
    const model = mapTree(adapted.model, isWeight, (weight: object, path) =>
      isLowRank(weight) ? { ...weight, up: normal(randomKey(3, path), weight.up.shape, 0.2) } : weight,
    )
    await saveAdapter(adapter, { ...adapted, model })
  })
  afterAll(folder.remove)

  const textOf = async (...args: readonly string[]): Promise<string> => {
    const rest = ['--temperature', '0', '--tokens', '12', '--weights', 'f32', '--json']
    const { status, out, err } = await heed(['generate', 'The cat', ...args, ...rest])
    expect({ status, err }).toEqual({ status: 0, err: '' })
    return (JSON.parse(out) as { text: string }).text
  }
  const filtersOf = async (...args: readonly string[]): Promise<number[]> => {
    const { status, out } = await heed(['attend', 'The cat sat', '--json', ...args])
    expect(status).toBe(0)
    const { layers } = JSON.parse(out) as AttendResult
    return layers.flatMap(({ heads }) => heads.flatMap(({ filter }) => filter.flat()))
  }

  test('what is written, and what is attended to, are those of the merged model', async () => {
    const { status } = await heed(['convert', base, merged, '--adapter', adapter])
    expect(status).toBe(0)
    const found = await textOf('--model', base, '--adapter', adapter)
    expect(found).toBe(await textOf('--model', merged))
    expect(found).not.toBe(await textOf('--model', base))
    const [own, others] = [
      await filtersOf('--model', base, '--adapter', adapter),
      await filtersOf('--model', merged),
    ]
    const largest = own.reduce((most, value, i) => Math.max(most, Math.abs(value - others[i]!)), 0)
    expect(largest).toBeLessThan(1e-4)
  })

  test('a folder that has no adapter is an error that says so', async () => {
    for (const command of [
      ['generate', 'The', '--model', base],
      ['convert', base, `${merged}-2`],
    ]) {
      const { status, err } = await heed([...command, '--adapter', base])
      expect(status).not.toBe(0)
      expect(err).toContain('adapter_config.json')
    }
  })
})
