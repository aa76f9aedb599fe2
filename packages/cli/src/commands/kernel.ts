import { Option, type Command } from 'commander'
import type { KernelOptions } from '../actions/kernel.js'
import type { Context } from '../context.js'

/** `heed kernel`: what runs when an operation runs. */
export function register(program: Command, context: Context): void {
  program
    .command('kernel')
    .argument('[name]', 'the operation; without it, all are listed')
    .summary('print the kernels that an operation runs')
    .description(
      'Prints the kernels that an operation runs on this machine: the kernel as it is written out for the target ' +
        '(the source form), and what the target makes of it (machine code disassembled, WebAssembly text, or JavaScript).',
    )
    .addOption(
      new Option('--target <target>', 'what the kernel is assembled for (default: what runs here)').choices([
        'x64',
        'wasm',
        'interpreter',
      ]),
    )
    .addOption(new Option('--only <form>', 'only one of the two forms').choices(['source', 'text']))
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ heed kernel
  $ heed kernel softmax
  $ heed kernel attention --only source
  $ heed kernel matmul --target x64
  $ heed kernel gelu --target interpreter`,
    )
    .action(async (name: string | undefined, options: KernelOptions) => {
      const { showKernels } = await import('../actions/kernel.js')
      showKernels(name, options, context)
    })
}
