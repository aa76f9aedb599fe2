import { checkNames, ShapeError, UsageError } from '../../base/index.js'
import { crossEntropy, map, type Tensor, values } from '../../tensor/index.js'

/** What `spanLoss` may be told beside logits and targets. */
export interface SpanOptions {
  /** Texts with this target count nothing, at the end in question; default −100. */
  readonly ignore?: number | undefined
  /**
   * 0 where no answer can begin or end: filling, the question. Such positions take no part. Default: all may.
   */
  readonly allowed?: Tensor<'batch' | 'position'> | undefined
}

/**
 * The loss of finding an answer in a text (Devlin et al. 2019, "BERT", section 4.2): the mean of the
 * cross-entropies of its first and of its last position, each over all positions. What has no answer has the
 * first position of all, [CLS], as its span (section 4.3).
 *
 * @param start batch position: logits of the first position
 * @param end batch position: logits of the last position, which is part of the answer
 * @param targets batch, i32: the positions
 * @throws ShapeError where sizes differ; UsageError for a target that is no position, or is not allowed
 */
export function spanLoss(
  start: Tensor<'batch' | 'position'>,
  end: Tensor<'batch' | 'position'>,
  targets: { readonly start: Tensor<'batch'>; readonly end: Tensor<'batch'> },
  options: SpanOptions = {},
): Tensor<never> {
  checkNames('spanLoss', options, ['ignore', 'allowed'] satisfies (keyof SpanOptions)[])
  const { ignore = -100, allowed } = options
  if (allowed !== undefined)
    for (const one of [targets.start, targets.end]) checkAllowed(one, allowed, ignore)
  const seen = (logits: Tensor<'batch' | 'position'>): Tensor<'batch' | 'position'> =>
    allowed === undefined ? logits : map((x, may) => may.ne(0).select(x, -Infinity), logits, allowed)
  const first = crossEntropy(seen(start), targets.start, 'position', { ignore })
  const last = crossEntropy(seen(end), targets.end, 'position', { ignore })
  return first.add(last).mul(0.5)
}

function checkAllowed(targets: Tensor<'batch'>, allowed: Tensor<'batch' | 'position'>, ignore: number): void {
  const positions = allowed.size('position')
  const may = values(allowed, ['batch', 'position'])
  const numbers = values(targets, ['batch'])
  if (numbers.length !== allowed.size('batch'))
    throw new ShapeError({
      operation: 'spanLoss',
      axis: 'batch',
      expected: `${allowed.size('batch')} targets`,
      found: String(numbers.length),
      hint: 'one position for each text',
    })
  numbers.forEach((target, text) => {
    const known = target >= 0 && target < positions
    if (target === ignore || (known && may[text * positions + target] !== 0)) return
    throw new UsageError({
      operation: 'spanLoss',
      expected: `targets that are ${ignore} or one of the allowed positions`,
      found: `${target} of text ${text}`,
      hint: 'where an answer may be missing, allow the first position too',
    })
  })
}
