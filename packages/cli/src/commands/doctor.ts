import type { Command } from 'commander'
import type { Context } from '../context.js'
import { bytesText, rateText } from '../format.js'
import type { MachineReport } from '../machine.js'
import { escaped, jsonText, styled } from '../terminal.js'

/** `heed doctor`: what this machine gives, and which target runs and why. */
export function register(program: Command, context: Context): void {
  program
    .command('doctor')
    .summary('what this machine gives, which target runs, and why')
    .description(
      'Says what this machine gives to heed: processor, threads, memory, the target that kernels run on and why, ' +
        'and how fast it is at most (measured for about a second).',
    )
    .option('--no-measure', "don't measure how fast the machine is")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ heed doctor
  $ heed doctor --json
  $ HEED_THREADS=1 heed doctor        one thread
  $ HEED_TARGET=wasm heed doctor      WebAssembly instead of machine code
  $ HEED_VECTOR=256 heed doctor       AVX2 where there is AVX-512`,
    )
    .action(async (options: { readonly measure: boolean; readonly json?: boolean }) => {
      const { output, environment, version } = context
      const { examineMachine } = await import('../machine.js')
      const report = examineMachine(version, { measure: options.measure, environment })
      output.write(
        options.json
          ? `${jsonText(report, 2)}\n`
          : reportText(report, (text) => styled(output, 'bold', text, environment)),
      )
    })
}

/** The report as lines of a name and what there is. */
export function reportText(report: MachineReport, bold: (text: string) => string): string {
  const { processor, target, memory, limits } = report
  const cores = processor.cores === null ? '' : `${counted(processor.cores, 'core')}, `
  const rows: (readonly [name: string, text: string])[] = [
    ['heed', report.heed],
    ['Node', `${report.node} (V8 ${report.v8}), ${report.platform}`],
    [
      'processor',
      `${processor.name}: ${cores}${counted(processor.processors, 'logical processor')}, ${processor.available} for this process`,
    ],
    ...processorDetails(processor),
    [
      'memory',
      `${bytesText(memory.totalBytes)}${memory.limitBytes === null ? '' : `, ${bytesText(memory.limitBytes)} for this process`}; a heap of tensors holds at most ${bytesText(memory.heapBytes)}`,
    ],
    [
      'target',
      `${target.name}: vectors of ${target.lanes} × ${target.floatBits}-bit floats, ${counted(target.threads, 'thread')}`,
    ],
    ...target.why.map((reason) => ['', reason] as const),
    ['pictures', report.pictures],
  ]
  if (limits !== null) {
    rows.push(
      [
        'at most',
        `${rateText(limits.operationsPerSecond, 'flop/s')} (multiply-adds in registers, all threads)`,
      ],
      ['', `${rateText(limits.bytesPerSecond, 'B/s')} (memory read and written by a copy, all threads)`],
    )
  }
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `${bold(name.padEnd(width))}  ${escaped(text)}\n`).join('')
}

/** Instruction sets and caches, where the processor was asked. */
function processorDetails({ features, caches }: MachineReport['processor']): (readonly [string, string])[] {
  const sizes = [caches?.level1, caches?.level2, caches?.level3].flatMap((bytes, i) =>
    bytes === null || bytes === undefined ? [] : [`L${i + 1} ${bytesText(bytes)}`],
  )
  const lines = [features ?? [], sizes.length === 0 ? [] : [`caches: ${sizes.join(', ')}`]]
  return lines.filter((texts) => texts.length > 0).map((texts) => ['', texts.join(', ')])
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
