import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeedError } from '../../base/index.js'
import { ggufFile } from '../../formats/testing/gguf-file.js'
import { protobufMessage } from '../../formats/testing/protobuf-message.js'
import { plainTokenizer } from './testing/encode.js'
import { mutated } from './testing/mutated.js'
import { smallFiles } from './testing/small-files.js'

const files = smallFiles({ ggufFile, protobufMessage })

const text = 'ab  abc <s> Éb\u0301 中 </s>'

describe.each(files)('$name', ({ bytes, read }) => {
  it('is read as it is', () => {
    const { ids, decode } = plainTokenizer(read(bytes))
    expect(ids(text).length).toBeGreaterThan(2)
    expect(decode(ids(text))).toContain('ab')
  })

  it('that is changed is read or refused, in a short time', () => {
    fc.assert(
      fc.property(mutated(bytes), (changed) => {
        const begun = performance.now()
        try {
          plainTokenizer(read(changed)).ids(text, true)
        } catch (error) {
          if (!(error instanceof HeedError)) throw error
        }
        expect(performance.now() - begun).toBeLessThan(5000)
      }),
    )
  })

  it('is refused, or read, wherever it is cut off', () => {
    for (let end = 0; end < bytes.length; end += bytes.length > 2000 ? 37 : 1)
      try {
        read(bytes.subarray(0, end))
      } catch (error) {
        expect(error).toBeInstanceOf(HeedError)
      }
  })
})
