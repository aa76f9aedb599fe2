import { resolve } from 'node:path'
import { inspectCheckpoint, type Inspection } from 'heed'
import type { Context } from '../context.js'
import { bytesText, countText } from '../format.js'
import { shippedModelFolder } from '../model.js'
import { escaped, jsonText, padded, styled } from '../terminal.js'

export interface InspectOptions {
  readonly all?: boolean
  readonly json?: boolean
}

/** Shows what a checkpoint is. */
export function inspect(
  path: string | undefined,
  { all, json }: InspectOptions,
  { output, environment }: Context,
): void {
  const found = inspectCheckpoint(path === undefined ? shippedModelFolder() : resolve(path), {
    grouped: all !== true,
  })
  if (json === true) {
    output.write(`${jsonText(found)}\n`)
    return
  }
  const dim = (text: string): string => styled(output, 'dim', text, environment)
  const facts = factsOf(found)
  const widest = Math.max(...facts.map(([name]) => name.length))
  for (const [name, text] of facts) output.write(`${dim(padded(name, widest))}  ${escaped(text)}\n`)
  output.write('\n')
  const rows = found.groups.map(({ name, count, shape, dtype, bytes }) => [
    escaped(name),
    count === 1 ? '' : `× ${count}`,
    shape.join(' × ') || 'scalar',
    escaped(dtype),
    bytesText(bytes),
  ])
  const head = ['tensor', '', 'shape', 'type', 'bytes']
  const widths = head.map((title, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), title.length),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        padded(cell, widths[column]!, column === 4 || column === 1 ? 'start' : undefined),
      )
      .join('  ')
      .trimEnd()
  output.write(`${dim(line(head))}\n`)
  for (const row of rows) output.write(`${line(row)}\n`)
}

function factsOf(found: Inspection): [string, string][] {
  const { model, tokenizer } = found
  const facts: [string, string][] = [['path', found.path]]
  if (model === undefined) facts.push(['architecture', `none that heed runs: ${found.reason ?? ''}`])
  else {
    const { sizes, memory, cacheBytes } = model
    facts.push(
      [
        'architecture',
        model.architecture === model.family
          ? model.source
          : `${model.architecture}, ${article(model.family)} (${model.source})`,
      ],
      [
        'sizes',
        `${sizes.layers} layers of ${sizes.heads} heads, ${countText(sizes.width)} wide, ` +
          `context of ${countText(sizes.context)}, vocabulary of ${countText(sizes.vocabulary)}`,
      ],
      [
        'memory',
        `weights ${(['f32', 'bf16', 'int8', 'int4'] as const)
          .map((format) => `${bytesText(memory[format])} as ${format}`)
          .join(', ')}`,
      ],
    )
    if (cacheBytes !== undefined)
      facts.push([
        'cache',
        `${bytesText(cacheBytes)} for each token, ${bytesText(1000 * cacheBytes)} for 1,000`,
      ])
  }
  facts.push([
    'tokenizer',
    tokenizer === undefined
      ? `none: ${found.tokenizerReason ?? 'it has no files of one'}`
      : `${tokenizer.kind} of ${countText(tokenizer.tokens)} tokens`,
  ])
  facts.push([
    'weights',
    `${countText(found.parameters)} numbers, ${bytesText(found.bytes)} in ${found.format}`,
  ])
  return facts
}

function article(family: string): string {
  return `${/^[aeiou]/.test(family) ? 'an' : 'a'} ${family}`
}
