import { expect } from 'vitest'
import { valueAndGrad } from '../../autograd/index.js'
import { leavesOf } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { isTensor, scope, type Tensor, withDevice } from '../../tensor/index.js'
import { adamw, Trainer } from '../index.js'
import { recurrentCase } from './recurrent-case.js'
import { expectClose, type ModelCase } from './reference.js'
import {
  adaptedBertCase,
  CaseTensors,
  decoderCase,
  encoderDecoderCase,
  type Found,
  type ReferenceModel,
} from './reference-models.js'

type Maker = (given: CaseTensors) => ReferenceModel<never, never>

/** Cases by what they are made of. */
const makers: readonly [RegExp, Maker][] = [
  [/^(gpt|llama)/, decoderCase as unknown as Maker],
  [/^encoder-decoder/, encoderDecoderCase as unknown as Maker],
  [/^bert-lora/, adaptedBertCase as unknown as Maker],
  [/^lstm/, recurrentCase as unknown as Maker],
]

/** How a case is trained here; undefined for one that nobody knows. */
export function makerOf({ name }: ModelCase): Maker | undefined {
  return makers.find(([own]) => own.test(name))?.[1]
}

/**
 * Trains the model of a case for some steps (all of them: its weights at the end are compared, too) and holds every number to the case's. When
 * a run differs, the first of these that differs says where to look: first_logits, loss[0], gradient1.*, loss[1], final.*.
 */
export function checkCase(device: Device, reference: ModelCase, steps: number): void {
  withDevice(device, () =>
    scope(() => check<never, never>(device, reference, makerOf(reference) as Maker, steps)),
  )
}

function check<M, B>(
  device: Device,
  reference: ModelCase,
  make: (given: CaseTensors) => ReferenceModel<M, B>,
  steps: number,
): void {
  const given = new CaseTensors(reference)
  const own = make(given)
  const compared = new Set<string>()
  const close = (name: string, found: ArrayLike<number>, expected = given.get(name).values): void => {
    compared.add(name)
    expectClose(`${reference.name}: ${name}`, found, expected, {
      tolerance: reference.tolerance[name]!,
      relative: device.floatBytes === 8 ? 1e-6 : undefined,
    })
  }
  const closeAll = (all: readonly Found[]): void =>
    all.forEach(({ name, tensor, axes }) => close(name, (tensor as Tensor).values(axes)))
  const names = new Map(
    [...leavesOf<Tensor>(own.model, isTensor)].map(([path, leaf]) => [path, given.nameOf(leaf)]),
  )
  expect(new Set(names.values())).toEqual(
    new Set(reference.trained ?? [...given.tensors.keys()].filter(isInitial).map((name) => name.slice(8))),
  )

  closeAll(own.before(own.model))
  const { gradient } = valueAndGrad(own.loss)(own.model, own.batch(0))
  for (const [path, leaf] of leavesOf<Tensor>(gradient, isTensor))
    close(`gradient1.${names.get(path)!}`, leaf.values())

  const { name, betas, eps, decay } = reference.optimizer
  expect(['adam', 'adamw']).toContain(name)
  const trainer = new Trainer({
    model: own.model,
    loss: own.loss,
    optimizer: adamw({
      betas,
      epsilon: eps,
      // "0.1 on tensors of two axes": of the file, where heads are no axis of their own.
      decay: Number.parseFloat(String(decay)),
      decayed: (path) => given.get(`initial.${names.get(path)!}`).shape.length === 2,
    }),
    schedule: own.schedule,
    data: {
      batchesPerEpoch: reference.steps,
      tokensPerBatch: 0,
      fingerprint: reference.name,
      batch: own.batch,
    },
    steps: reference.steps,
    clip: reference.clip,
  })
  const losses: number[] = []
  const norms: number[] = []
  for (let step = 0; step < steps; step++) {
    const { loss, gradientNorm } = trainer.takeStep()
    losses.push(loss)
    norms.push(gradientNorm)
  }
  for (const [name, found] of Object.entries({ loss: losses, gradient_norm: norms }))
    close(name, found, given.get(name).values.subarray(0, steps))
  if (steps === reference.steps) {
    for (const [path, leaf] of leavesOf<Tensor>(trainer.model, isTensor))
      close(`final.${names.get(path)!}`, leaf.values())
    closeAll(own.after?.(trainer.model) ?? [])
    expect([...compared].sort()).toEqual(Object.keys(reference.outputs).sort())
  }
  trainer.dispose()
}

function isInitial(name: string): boolean {
  return name.startsWith('initial.')
}
