import {
  constantSchedule,
  cosineSchedule,
  crossEntropy,
  decoderLogits,
  linearSchedule,
  sameDocument,
  type Decoder,
  type DecoderConfig,
  type Loss,
  type Schedule,
  type TokenBatch,
} from 'heed'
import type { TrainingConfig } from './config.js'

/** Cross-entropy of the next token, in nats: the mean over the targets of a batch. */
export function decoderLoss(config: DecoderConfig, training: TrainingConfig): Loss<Decoder, TokenBatch> {
  const { dropout: rate, rematerialize } = training
  return (model, { inputs, targets, documents }, { key, training: drops }) => {
    const logits = decoderLogits(model, config, inputs, {
      rematerialize: rematerialize && drops,
      ...(drops && rate > 0 && { dropout: { rate, key } }),
      ...(documents !== undefined && { mask: sameDocument(documents.rename({ position: 'key' })) }),
    })
    return crossEntropy(logits, targets, 'vocabulary')
  }
}

/** The learning rate of each step. */
export function scheduleOf({ schedule, steps, rate, minimumRate, warmUp }: TrainingConfig): Schedule {
  const options = { peak: rate, warmUp, total: steps, minimum: minimumRate }
  if (schedule === 'constant') return constantSchedule({ peak: rate, warmUp })
  return schedule === 'linear' ? linearSchedule(options) : cosineSchedule(options)
}
