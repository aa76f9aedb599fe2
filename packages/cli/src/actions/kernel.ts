import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { countText } from '../format.js'
import { defaultTarget, examples, printKernels, type PrintedKernel, type TargetName } from '../kernels.js'
import { nearest } from 'heed/internals'
import { jsonText, styled } from '../terminal.js'

export interface KernelOptions {
  readonly target?: TargetName
  readonly only?: 'source' | 'text'
  readonly json?: boolean
}

/** Prints the kernels of an operation, or lists the operations. */
export function showKernels(name: string | undefined, options: KernelOptions, context: Context): void {
  const { output } = context
  if (name === undefined) output.write(options.json ? listJson() : listText(context))
  else {
    checkName(name)
    const target = options.target ?? defaultTarget()
    const kernels = printKernels(name, target)
    output.write(
      options.json
        ? `${jsonText({ name, target, kernels }, 2)}\n`
        : kernelsText(kernels, target, options, context),
    )
  }
}

function checkName(name: string): void {
  if (Object.hasOwn(examples, name)) return
  const close = nearest(name, Object.keys(examples))
  const hint = close === undefined ? "'heed kernel' lists them" : `did you mean ${close}?`
  throw new UsageError(`no operation is named '${name}'; ${hint}`)
}

function listJson(): string {
  const list = Object.entries(examples).map(([name, { description }]) => ({ name, description }))
  return `${jsonText(list, 2)}\n`
}

function listText({ output, environment }: Context): string {
  const width = Math.max(...Object.keys(examples).map((name) => name.length))
  return Object.entries(examples)
    .map(
      ([name, { description }]) =>
        `${styled(output, 'bold', name.padEnd(width), environment)}  ${description}\n`,
    )
    .join('')
}

function kernelsText(
  kernels: readonly PrintedKernel[],
  target: TargetName,
  { only }: KernelOptions,
  { output, environment }: Context,
): string {
  const language = { x64: 'machine code', wasm: 'WebAssembly', interpreter: 'JavaScript' }[target]
  const heading = (text: string): string => `${styled(output, 'bold', text, environment)}\n`
  return kernels
    .map(({ source, text, bytes }, index) => {
      const place = kernels.length === 1 ? '' : ` ${index + 1} of ${kernels.length}`
      return [
        only === 'text' ? '' : `${heading(`── kernel${place}`)}${source}`,
        only === 'source'
          ? ''
          : `${heading(`── ${language}${place}, ${countText(bytes)} bytes of code`)}${text}`,
      ].join(only === undefined ? '\n' : '')
    })
    .join('\n')
}
