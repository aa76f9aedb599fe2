import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { quantizeDecoder, StateError } from 'heed'
import { expect, test } from 'vitest'
import { parametersOf, shippedModelFolder, summaryOf } from './model.js'
import { tinyModel } from './testing.js'

test('a model that isn’t installed: what to do', () => {
  const find = () => shippedModelFolder('@heed/no-such-model')
  expect(find).toThrow(StateError)
  expect(find).toThrow(
    'model: expected the model that heed ships, the package @heed/no-such-model, found none installed; ' +
      'install it (npm install @heed/no-such-model), or name the folder of a model with --model',
  )
})

test('a package is found where it is installed', () => {
  expect(existsSync(join(shippedModelFolder('esbuild'), 'package.json'))).toBe(true)
})

test('parameters are counted once, tied weights too', () => {
  const language = tinyModel()
  const { embedding, norm, blocks } = language.model
  const parts = [embedding, norm, blocks].map(parametersOf)
  expect(parametersOf(language.model)).toBe(parts.reduce((sum, part) => sum + part, 0))
  expect(parametersOf([embedding, embedding])).toBe(parts[0])
  expect(parametersOf(quantizeDecoder(language.model, 'int4'))).toBe(parametersOf(language.model))
  expect(summaryOf('tiny', language)).toEqual({
    name: 'tiny',
    parameters: parametersOf(language.model),
    layers: 2,
    heads: 4,
    width: 32,
  })
})
