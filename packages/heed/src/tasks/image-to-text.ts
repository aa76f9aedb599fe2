/** Texts about pictures: captions, and what is written on them. */
import { checkNames } from '../base/index.js'
import { writableCaption } from '../generation/index.js'
import { encodeImage, type LoadedCaptioner, ofFamily, type Running, targetStates } from '../models/index.js'
import { tensor } from '../tensor/index.js'
import type { Attention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { collectedFilters, labelsOf } from './decoder-attention.js'
import { joinedAttention } from './joined-attention.js'
import {
  type FittedPicture,
  labelsByPlace,
  type PictureInput,
  pictureInWords,
  pictureList,
  PictureReader,
} from './pictures.js'
import { runTask, type TaskWork } from './run-task.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { withBatch, withLimit } from './text-generation.js'
import { writableWithin } from './writable-within.js'
import { limitOf, type MadeText, type PromptPiece, writePieces } from './write-pieces.js'
import { generationFields, generationOf } from './writer.js'
import { checkWriting, type WritingOptions, writingFields, writingOptionNames } from './writing-options.js'

/** How a text about a picture is written. */
export interface ImageToTextOptions extends WritingOptions {}

/** A text about a picture. */
export interface ImageToTextOutput {
  readonly generated_text: string
}

/**
 * Pictures to texts: of one picture a list of texts, of a list a list for each. `attention` has what the
 * patches attended to, what the words did, and which patches each word did.
 */
export interface ImageToTextPipeline extends TaskPipeline<'image-to-text', PictureInput> {
  <
    const Input extends PictureInput | readonly PictureInput[],
    const Options extends ImageToTextOptions = Record<never, never>,
  >(
    images: Input,
    options?: Options & ImageToTextOptions,
  ): Promise<TaskResult<Input, Options, ImageToTextOutput[]>>
}

/** A picture that is written about. */
interface PicturePiece extends PromptPiece {
  readonly fitted: FittedPicture
}

/** Throws UsageError where the model doesn't write about pictures. */
export function createImageToText(opened: Opened): ImageToTextPipeline {
  const task = 'image-to-text'
  const loaded = ofFamily(opened.model, 'captioner', task)
  const { model, config, tokenizer } = loaded
  const reader = new PictureReader(task, loaded)
  const call = async (
    images: PictureInput | readonly PictureInput[],
    options: ImageToTextOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, ...writingOptionNames])
    checkWriting(task, options)
    const { attention = false } = options
    const how = generationOf(task, [
      { eos_token_id: config.end },
      ...withLimit([generationFields(loaded)]),
      writingFields(options),
    ])
    const start = config.start ?? how.decoderStart ?? how.begin ?? config.end
    const work: TaskWork<Numbered, PicturePiece, readonly MadeText[], ImageToTextOutput[]> = {
      operation: task,
      pieces: async ({ picture, input }) => [{ ids: [start], input, fitted: await reader.fitted(picture) }],
      length: ({ fitted }) => fitted.positions + limitOf(how, 1),
      run: (pieces) =>
        reader.withPixels(
          pieces.map(({ fitted }) => fitted),
          (pixels) =>
            writePieces(
              task,
              writableWithin(writableCaption(model, config, pixels), opened.around),
              tokenizer,
              pieces,
              how,
              options,
            ),
        ),
      async result(_, [texts], [piece]) {
        const made = texts!.map(({ text }) => ({ generated_text: text.trim() }))
        if (!attention) return made
        const parts: [string, Attention][] = []
        for (const [i, { ids }] of texts!.entries())
          parts.push([
            `sequences.${i}`,
            await captionAttention(loaded, reader, piece!.fitted, [start, ...ids]),
          ])
        const [only] = parts
        const seen = parts.length === 1 ? only![1] : { ...joinedAttention(parts) }
        return Object.assign(made, { attention: seen })
      },
    }
    const { isList, list } = pictureList(images)
    const inputs = list.map((picture, input) => ({ picture, input }))
    const results = await runTask(work, inputs, withBatch(options as TaskOptions))
    return isList ? results : results[0]
  }
  return callable<ImageToTextPipeline>(task, opened, call, pictureInWords)
}

interface Numbered {
  readonly picture: PictureInput
  readonly input: number
}

/** The patches among themselves, the text among itself, and the text to the patches. */
async function captionAttention(
  { model, config, tokenizer, attentions }: Running<LoadedCaptioner>,
  reader: PictureReader,
  picture: FittedPicture,
  ids: readonly number[],
): Promise<Attention> {
  const { labels, patches } = reader.patchesOf(picture, attentions)
  const filters = await reader.withPixels([picture], (pixels) =>
    collectedFilters(
      attentions.map(({ name }) => name),
      () => {
        const target = tensor(Int32Array.from(ids), { batch: 1, position: ids.length }, { dtype: 'i32' })
        return targetStates(model, config, target, encodeImage(model, config, pixels))
      },
    ),
  )
  return {
    filters,
    labels: labelsByPlace(attentions, { patch: labels, target: labelsOf(tokenizer, ids) }),
    patches,
  }
}
