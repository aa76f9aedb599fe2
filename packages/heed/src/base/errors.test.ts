import { describe, expect, it } from 'vitest'
import {
  DtypeError,
  FormatError,
  HeedError,
  MemoryError,
  ShapeError,
  StateError,
  TargetError,
  UsageError,
} from './index.js'

const detail = {
  operation: 'softmax',
  expected: "axis 'key' of size 5",
  found: '7',
  hint: 'give query and key the same batch',
}

describe('errors', () => {
  it('say everything in one sentence and in fields', () => {
    const cause = new RangeError('underneath')
    const error = new HeedError({ ...detail, cause })
    expect(error.message).toBe(
      "softmax: expected axis 'key' of size 5, found 7; give query and key the same batch",
    )
    expect(error).toMatchObject({ ...detail, name: 'HeedError', cause })
    expect(String(error)).toBe(`HeedError: ${error.message}`)
    expect('cause' in new HeedError(detail)).toBe(false)
  })

  it.each([
    ['ShapeError', ShapeError],
    ['DtypeError', DtypeError],
    ['FormatError', FormatError],
    ['MemoryError', MemoryError],
    ['TargetError', TargetError],
    ['UsageError', UsageError],
    ['StateError', StateError],
  ])('%s is a HeedError with its own name', (name, Type) => {
    const error = new Type(detail)
    expect(error).toBeInstanceOf(HeedError)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ ...detail, name })
  })

  it('carry the axis, the file and the offset', () => {
    expect(new ShapeError({ ...detail, axis: 'key' }).axis).toBe('key')
    expect(new ShapeError(detail).axis).toBeUndefined()
    expect(new FormatError({ ...detail, file: 'a.safetensors', offset: 8 })).toMatchObject({
      file: 'a.safetensors',
      offset: 8,
    })
  })
})
