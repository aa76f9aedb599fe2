import { attend, attendJson } from '../attend.js'
import { attendPicture } from '@heed/studio'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { checkPage, titleOf, writeReport } from '../html.js'
import { openModel, summaryOf, type NamedModel } from '../model.js'
import { escaped } from '../terminal.js'

export interface AttendOptions {
  readonly model?: string
  readonly adapter?: string
  readonly pair?: string
  readonly target?: string
  readonly html?: string
  readonly json?: boolean
  readonly layer?: number
  readonly head?: number
}

/** Shows what a model attends to in a text. */
export async function showAttention(
  text: string,
  options: AttendOptions,
  { output, errorOutput, environment }: Context,
): Promise<void> {
  if (options.html !== undefined) await checkPage(options.html)
  const language = await openModel(options.model, 'f32', options.adapter)
  checkHead(options, language)
  const { pair, target } = options
  const result = await attend(language, text, { pair, target })
  if (options.html !== undefined) {
    const model = summaryOf(language.name, language)
    await writeReport(options.html, { title: titleOf(text), model, attend: result })
    errorOutput.write(`wrote ${escaped(options.html)}\n`)
  }
  output.write(
    options.json
      ? `${attendJson(result)}\n`
      : attendPicture(result, { output, environment, layer: options.layer, head: options.head }),
  )
}

function checkHead({ layer, head }: AttendOptions, { config, attentions }: NamedModel): void {
  const check = (name: string, value: number | undefined, count: number): void => {
    if (value === undefined || value < count) return
    throw new UsageError(`--${name} ${value}: the model has ${name}s 0 to ${count - 1}`)
  }
  check('layer', layer, attentions.length)
  check('head', head, config.heads)
}
