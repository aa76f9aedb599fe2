import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FormatError, HeedError } from '../base/index.js'
import { loadWeights } from '../checkpoint/index.js'
import { dispose, memoryUse, scope, tensor, type Tensor, viewOver, withDevice } from '../tensor/index.js'
import {
  adafactor,
  adamw,
  lion,
  nodeFiles,
  type OptimizerState,
  readCheckpoint,
  restoreCheckpoint,
  saveCheckpoint,
  type TrainingState,
} from './index.js'
import { collectGarbage } from '../testing/collect-garbage.js'
import { devices } from './testing/devices.js'
import { bitsOfTree } from './testing/small-run.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-checkpoint-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const stateAt = (step: number): TrainingState => ({
  step,
  position: 2 * step,
  seed: 5,
  accumulation: 2,
  optimizer: { name: 'adamw', options: { decay: 0.1 } },
  data: 'none',
  rate: 0.1,
  evaluation: null,
  evaluatedStep: step,
  snapshotStep: null,
  settings: { rate: 0.1 },
  best: null,
  waited: 0,
  bestLoss: 1 / 3,
  bestStep: null,
  config: { text: 'ü', list: [1, 2] },
})

const model = { w: tensor([1, 2, 3, 4, 5, 6], { a: 2, b: 3 }), b: tensor([0.1, -0], { c: 2 }) }
const optimizer = adamw().init(model)
const save = (step: number, changes: object = {}): Promise<string> =>
  saveCheckpoint(folder, { model, optimizer, state: stateAt(step), ...changes })

/** The same elements with the axes in the opposite order, lying in memory as they did. */
function turnedOver(x: Tensor<'a' | 'b'>): Tensor<'a' | 'b'> {
  return viewOver(x, [...x.layout].reverse(), x.offset) as Tensor<'a' | 'b'>
}

test('the model of a checkpoint is a file of weights, whatever the order of axes', async () => {
  const path = await save(3)
  const like = { w: tensor([0, 0, 0, 0, 0, 0], { b: 3, a: 2 }), b: tensor([0, 0], { c: 2 }) }
  const loaded = loadWeights(await readFile(join(path, 'model.safetensors')), like)
  expect([...loaded.w.values(['a', 'b'])]).toEqual([1, 2, 3, 4, 5, 6])
})

describe.each(devices)('checkpoints of tensors on %s', (_, device) => {
  test('come back bit for bit, whatever they hold', async () => {
    // Tensors that other tests dropped must not be collected while this one waits for the disk.
    collectGarbage()
    await new Promise(setImmediate)
    const here = <T>(work: () => T): T => withDevice(device, work)
    const held = here(() => memoryUse().tensors)
    const own = here(() =>
      scope(() => {
        const turned = { t: tensor([1, 2, 3, 4, 5, 6], { b: 3, a: 2 }).slice('b', 0, 2) }
        return {
          plain: tensor([1 / 3, -0, 1e-45, NaN], { a: 4 }),
          turned: adamw().update(turned, turned, adamw().init(turned), { rate: 0.1 }).model.t,
          columns: turnedOver(tensor([1, 2, 3, 4, 5, 6], { a: 3, b: 2 })),
          single: tensor([2], { one: 1 }),
          scalar: tensor(7, {}),
          half: tensor([1.5, -2], { a: 2 }, { dtype: 'f16' }),
          brain: tensor([1.5, -2], { a: 2 }, { dtype: 'bf16' }),
          ids: tensor([1, -5], { a: 2 }, { dtype: 'i32' }),
          bytes: tensor([1, 255], { a: 2 }, { dtype: 'u8' }),
          note: 'left as it is',
          list: [tensor([9], { a: 1 })],
        }
      }),
    )
    const tied = { ...own, again: own.plain }
    for (const made of [adamw(), lion(), adafactor()]) {
      const state = here(() => made.init(tied))
      await saveCheckpoint(folder, { model: tied, optimizer: state, state: stateAt(3) })
      const found = (await readCheckpoint(folder))!
      expect(found.state).toEqual(stateAt(3))
      const restored = here(() => restoreCheckpoint(found, tied, state))
      expect(bitsOfTree(restored.model)).toBe(bitsOfTree(tied))
      expect(bitsOfTree(restored.optimizer)).toBe(bitsOfTree(state))
      expect(restored.model.again).toBe(restored.model.plain)
      expect(restored.model.note).toBe('left as it is')
      expect(restored.model.plain.device).toBe(device)
      for (const name of ['turned', 'columns', 'single'] as const)
        expect(restored.model[name].layout).toEqual(own[name].layout)
      dispose([restored, state])
    }
    dispose(tied)
    expect(here(() => memoryUse().tensors)).toBeLessThanOrEqual(held)
  })
})

test('the last two are kept, and later ones of a run that was given up are not', async () => {
  for (const step of [2, 4, 6]) await save(step)
  expect(await readdir(folder)).toEqual(['step-00000004', 'step-00000006'])
  await save(5)
  expect(await readdir(folder)).toEqual(['step-00000004', 'step-00000005'])
  await save(5)
  expect(await readdir(folder)).toEqual(['step-00000004', 'step-00000005'])
  await saveCheckpoint(folder, { model, optimizer, state: stateAt(7) }, { keep: 1 })
  expect(await readdir(folder)).toEqual(['step-00000007'])
  await expect(saveCheckpoint(folder, { model, optimizer, state: stateAt(8) }, { keep: 0 })).rejects.toThrow(
    /keep at least 1/,
  )
})

test('only leftovers of its own are cleared away', async () => {
  await mkdir(join(folder, 'step-00000001.12-abc.tmp'))
  await mkdir(join(folder, 'step-00000001.12-abc.old'))
  await mkdir(join(folder, 'step-00000001.mine'))
  await writeFile(join(folder, 'notes.txt'), 'kept')
  await save(2)
  expect(await readdir(folder)).toEqual(['notes.txt', 'step-00000001.mine', 'step-00000002'])
})

test('further files stand beside it, and only under plain names', async () => {
  const path = await save(1, { files: { 'config.json': '{"ü":1}', 'tokens.bin': Uint8Array.of(1, 2) } })
  expect(await readFile(join(path, 'config.json'), 'utf8')).toBe('{"ü":1}')
  expect((await readdir(path)).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'optimizer.safetensors',
    'state.json',
    'tokens.bin',
  ])
  for (const name of ['', '../up', 'a/b', 'a\\b', '.hidden', 'state.json', 'model.safetensors'])
    await expect(save(2, { files: { [name]: '' } }), name).rejects.toThrow(/a plain file name/)
  expect(await readdir(folder)).toEqual(['step-00000001'])
})

describe('a damaged checkpoint is passed over, with the reason', () => {
  const damage = async (name: string, change: (bytes: Buffer) => Uint8Array | undefined): Promise<void> => {
    const path = join(folder, 'step-00000004', name)
    const changed = change(await readFile(path))
    if (changed === undefined) await rm(path)
    else await writeFile(path, changed)
  }
  const text = (change: (content: string) => string) => (bytes: Buffer) =>
    new TextEncoder().encode(change(bytes.toString()))

  test.each([
    [
      'cut short',
      'model.safetensors',
      (bytes: Buffer) => bytes.subarray(0, 50),
      /\d+ bytes in '.*model\.safetensors', found 50/,
    ],
    [
      'one bit flipped',
      'optimizer.safetensors',
      (bytes: Buffer) => {
        bytes[bytes.length - 1]! ^= 1
        return bytes
      },
      /SHA-256 .* in '.*optimizer\.safetensors'/,
    ],
    [
      'a file missing',
      'model.safetensors',
      () => undefined,
      /a file of \d+ bytes in '.*model\.safetensors', found none/,
    ],
    ['no state', 'state.json', () => undefined, /a file in '.*state\.json', found none/],
    ['an empty state', 'state.json', () => new Uint8Array(0), /JSON/],
    ['half a state', 'state.json', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1), /JSON/],
    ['another step', 'state.json', text((s) => s.replace('"step": 4', '"step": 5')), /checksum/],
    [
      'another format',
      'state.json',
      text(() => '{"manifest":{"format":"x"}}'),
      /a heed checkpoint of version 1/,
    ],
    ['not a record', 'state.json', text(() => 'null'), /a heed checkpoint of version 1/],
    [
      'a path that leads out',
      'state.json',
      text((s) => s.replaceAll('model.safetensors', '../model')),
      /a heed checkpoint/,
    ],
    ['a wrong type', 'state.json', text((s) => s.replace('"seed": 5', '"seed": "5"')), /a heed checkpoint/],
    ['not UTF-8', 'state.json', () => Uint8Array.of(0xff, 0xfe), /JSON/],
  ])('%s', async (_, name, change, reason) => {
    await save(2)
    const path = await save(4)
    expect((await readCheckpoint(folder))!.path).toBe(path)
    await damage(name, change)
    const found = (await readCheckpoint(folder))!
    expect(found.state.step).toBe(2)
    expect(found.skipped.map(({ path: skipped }) => skipped)).toEqual([path])
    expect(found.skipped[0]!.reason).toMatch(reason)
    await rm(join(folder, 'step-00000002'), { recursive: true })
    const refused = readCheckpoint(folder)
    await expect(refused).rejects.toThrow(FormatError)
    await expect(refused).rejects.toThrow(/a whole checkpoint in .*step-00000004.*; restore one from a copy/)
  })
})

test.each([
  [
    'a folder in the place of a file',
    async (path: string) => {
      await rm(join(path, 'model.safetensors'))
      await mkdir(join(path, 'model.safetensors'))
    },
    /a file that can be read in '.*model\.safetensors', found EISDIR/,
  ],
  [
    'an empty folder',
    async (path: string) => {
      await rm(path, { recursive: true })
      await mkdir(path)
    },
    /a file in '.*state\.json', found none/,
  ],
  [
    'a file in the place of the folder',
    async (path: string) => {
      await rm(path, { recursive: true })
      await writeFile(path, 'no folder')
    },
    /a file in '.*state\.json', found none/,
  ],
])('%s is passed over, and replaced when its step comes again', async (_, spoil, reason) => {
  await save(2)
  const path = await save(4)
  await spoil(path)
  const found = (await readCheckpoint(folder))!
  expect(found.state.step).toBe(2)
  expect(found.skipped[0]!.reason).toMatch(reason)
  await save(4)
  expect((await readCheckpoint(folder))!).toMatchObject({ path, skipped: [] })
})

test('a disk that fails to read the newest checkpoint gives the one before, and says so', async () => {
  await save(2)
  const path = await save(4)
  const files = {
    ...nodeFiles,
    read: (file: string) =>
      file.includes('step-00000004/opt')
        ? Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }))
        : nodeFiles.read(file),
  }
  const found = (await readCheckpoint(folder, { files }))!
  expect(found.state.step).toBe(2)
  expect(found.skipped).toEqual([
    {
      path,
      reason: `a file that can be read in '${path}/optimizer.safetensors', found EIO: i/o error, read`,
    },
  ])
  const list = (): Promise<never> => Promise.reject(new Error('EIO: i/o error, scandir'))
  await expect(readCheckpoint(folder, { files: { ...nodeFiles, list } })).rejects.toThrow(
    new RegExp(`a folder that can be read, '${folder}', found EIO`),
  )
})

test('a checkpoint without the later fields of its state counts as complete', async () => {
  const { rate, evaluation, evaluatedStep, snapshotStep, settings, ...first } = stateAt(3)
  await save(3, { state: first })
  expect((await readCheckpoint(folder))!.state).toEqual({
    ...first,
    rate: null,
    evaluation: null,
    evaluatedStep: 3,
    snapshotStep: 3,
    settings: null,
  })
  expect([rate, evaluation, evaluatedStep, snapshotStep, settings]).toHaveLength(5)
})

test('nothing there is nothing, and no error', async () => {
  expect(await readCheckpoint(join(folder, 'none'))).toBe(undefined)
  expect(await readCheckpoint(folder)).toBe(undefined)
})

test('a checkpoint of another model or optimizer is refused, and nothing leaks', async () => {
  await save(1)
  const found = (await readCheckpoint(folder))!
  const other = lion().init(model)
  const tries: [RegExp, object, unknown?][] = [
    [/a tensor 'more', found none/, { ...model, more: tensor([1], { a: 1 }) }],
    [/'w' of sizes \[3, 2\], found \[2, 3\]/, { ...model, w: tensor([1, 2, 3, 4, 5, 6], { a: 3, b: 2 }) }],
    [/'b' in i32, found f32/, { ...model, b: tensor([1, 2], { c: 2 }, { dtype: 'i32' }) }],
    [/no further tensor, found 'b'/, { w: model.w }],
    [/a tensor 'mean.w', found none/, model, other],
  ]
  for (const [message, own, state = optimizer] of tries) {
    const before = memoryUse()
    const restore = (): unknown => restoreCheckpoint(found, own, state as OptimizerState<object>)
    expect(restore).toThrow(message)
    expect(restore).toThrow(FormatError)
    expect(memoryUse()).toEqual(before)
  }
})

test('what the disk refuses is said, and what was there stays', async () => {
  await save(1)
  const full = new Error('ENOSPC: no space left on device')
  for (const operation of ['makeFolder', 'write', 'flushFolder', 'rename'] as const) {
    const files = { ...nodeFiles, [operation]: () => Promise.reject(full) }
    const refused = saveCheckpoint(folder, { model, optimizer, state: stateAt(2) }, { files })
    await expect(refused).rejects.toThrow(/to write '.*step-00000002', found ENOSPC.*has room/)
    await expect(refused).rejects.toMatchObject({ cause: full })
    await expect(refused).rejects.toBeInstanceOf(HeedError)
    expect(await readdir(folder), operation).toEqual(['step-00000001'])
  }
})
