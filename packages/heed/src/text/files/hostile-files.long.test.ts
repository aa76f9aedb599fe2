import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeedError } from '../../base/index.js'
import { ggufFile } from '../../formats/testing/gguf-file.js'
import { protobufMessage } from '../../formats/testing/protobuf-message.js'
import { plainTokenizer } from './testing/encode.js'
import { mutated } from './testing/mutated.js'
import { smallFiles } from './testing/small-files.js'

const files = smallFiles({ ggufFile, protobufMessage })

/** Of all kinds together: a million. */
const runs = Math.ceil(1e6 / files.length)
const text = 'ab  abc <s> Éb\u0301 中 </s>'

describe.each(files)('$name', ({ bytes, read }) => {
  it('that is changed is read or refused, in a short time', () => {
    let slowest = 0
    fc.assert(
      fc.property(mutated(bytes), (changed) => {
        const begun = performance.now()
        try {
          plainTokenizer(read(changed)).ids(text, true)
        } catch (error) {
          if (!(error instanceof HeedError)) throw error
        }
        slowest = Math.max(slowest, performance.now() - begun)
      }),
      { numRuns: runs },
    )
    expect(slowest).toBeLessThan(5000)
  }, 900_000)
})
