import type { Command } from 'commander'
import type { InspectOptions } from '../actions/inspect.js'
import type { Context } from '../context.js'

/** `heed inspect`: what a checkpoint is. */
export function register(program: Command, context: Context): void {
  program
    .command('inspect')
    .argument('[model]', 'a folder, or a file of weights (default: the model that heed ships)')
    .summary('show what a checkpoint is, without reading its weights')
    .description(
      'Shows what a checkpoint is: its architecture and sizes, its tokenizer, the memory that it will need, and its ' +
        'tensors with their shapes and number formats. Reads headers alone, so that it takes a moment for files of any size.',
    )
    .option('--all', 'list every tensor, and not those of all layers as one')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ heed inspect models/all-MiniLM-L6-v2
  $ heed inspect SmolLM2-135M-Instruct-Q4_1.gguf
  $ heed inspect model.safetensors --json | jq .parameters`,
    )
    .action(async (path: string | undefined, options: InspectOptions) => {
      const { inspect } = await import('../actions/inspect.js')
      inspect(path, options, context)
    })
}
