import { Option, type Command } from 'commander'
import type { ConvertCommandOptions } from '../actions/convert.js'
import type { Context } from '../context.js'
import { adapterText } from '../options.js'

const types = ['f32', 'f16', 'bf16', 'q8_0'] as const

/** `heed convert` and `heed quantize`: a checkpoint in another format, or in fewer bits. */
export function register(program: Command, context: Context): void {
  program
    .command('convert')
    .argument('<model>', 'a folder with config.json and weights, or a GGUF file')
    .argument('<output>', 'a file that ends in .gguf, or a folder for safetensors')
    .summary('write a checkpoint in another format: safetensors, GGUF')
    .description(
      "Writes a checkpoint in another format: a GGUF file with its tokenizer, or a folder in the hub's layout. Tensors are " +
        'converted one after the other, and files appear whole or not at all.',
    )
    .addOption(
      new Option(
        '--type <type>',
        "what numbers are stored as; q8_0 is GGUF's alone (default: f16 in GGUF, else as they are)",
      ).choices(types),
    )
    .option('--adapter <folder>', adapterText)
    .addHelpText(
      'after',
      `
Examples:
  $ heed convert SmolLM2-135M-Instruct smollm2.gguf
  $ heed convert smollm2.gguf smollm2 --type bf16
  $ heed convert SmolLM2-135M-Instruct merged --adapter my-adapter`,
    )
    .action(async (from: string, to: string, options: ConvertCommandOptions) => {
      const { convert } = await import('../actions/convert.js')
      await convert(from, to, options, context)
    })

  program
    .command('quantize')
    .argument('<model>', 'a folder with config.json and weights, or a GGUF file')
    .argument('<output>', 'a file that ends in .gguf')
    .summary('write a checkpoint in fewer bits, as GGUF')
    .description(
      'Writes a checkpoint as a GGUF file whose matrices have fewer bits; vectors stay as they are. heed generate runs it ' +
        'as it is.',
    )
    .addOption(
      new Option('--type <type>', 'what matrices are stored as')
        .choices(['q8_0', 'f16', 'bf16'])
        .default('q8_0'),
    )
    .option('--adapter <folder>', adapterText)
    .addHelpText('after', '\nExample:\n  $ heed quantize SmolLM2-135M-Instruct smollm2.q8_0.gguf')
    .action(async (from: string, to: string, options: ConvertCommandOptions) => {
      const { quantize } = await import('../actions/convert.js')
      await quantize(from, to, options, context)
    })
}
