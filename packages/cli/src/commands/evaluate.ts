import { type Command, Option } from 'commander'
import type { EvaluateCommandOptions } from '../actions/evaluate.js'
import type { Context } from '../context.js'
import { gathered, realNumber, weightChoices, wholeNumber } from '../options.js'

/** `heed evaluate`: how good a model is at a task, on data. */
export function register(program: Command, context: Context): void {
  program
    .command('evaluate')
    .argument(
      '[model]',
      'a folder with config.json, weights and a tokenizer, or a GGUF file (default: the model that heed ships for the task)',
    )
    .summary('measure how good a model is at a task')
    .description(
      'Measures a model on data: its scores with intervals (by drawing the records again), beside those of baselines on ' +
        'the same records. Tasks: perplexity {text} or {source, target}; choice {prompt, choices, answer}; ' +
        'sentence-similarity {text, pair, score}; search {question, context}, {query, documents, relevant} or {text, ' +
        'positive}; text-classification {text, pair, label}; token-classification {words, labels}; question-answering ' +
        '{question, context, answers}; summarization {source, target}; translation {source, target}; image-to-text {image, text, references}; ' +
        'zero-shot-image-classification {image, label}.',
    )
    .requiredOption('--task <name>', 'what is measured')
    .requiredOption(
      '--data <file>',
      'records: .csv, .tsv, .jsonl, .txt, packed or not, or a data source as JSON; may be given several times',
      gathered,
    )
    .option('--format <name>', 'how the files are written, if their names do not say it: squad, lines, …')
    .option('--columns <names>', 'of a table whose first row is data, separated by commas')
    .option(
      '--field <name=column>',
      "where a record's field comes from; may be given several times",
      gathered,
    )
    .option('--label <name=label>', 'what a label of the data is called by the model', gathered)
    .option('--limit <n>', 'only the first n records', wholeNumber(1))
    .option('--sample <n>', 'only n records, drawn by the seed; of search, queries', wholeNumber(1))
    .option('--learn-from <file>', 'what baselines learn from (default: the other records)', gathered)
    .option('--no-baselines', 'the model alone')
    .option('--seed <s>', 'of what is drawn', wholeNumber(0), 0)
    .option(
      '--draws <n>',
      'how often records are drawn again for the intervals',
      wholeNumber(1, 1_000_000),
      1000,
    )
    .option(
      '--confidence <share>',
      'how much of what is drawn lies within the intervals',
      realNumber({ above: 0, most: 0.9999 }),
      0.95,
    )
    .addOption(
      new Option('--weights <format>', 'what matrices are in memory').choices(weightChoices).default('f32'),
    )
    .addOption(
      new Option(
        '--as <kind>',
        'similarity, search: what the model is taken for (default: by its head)',
      ).choices(['dense', 'sparse', 'cross', 'late']),
    )
    .option(
      '--threshold <x>',
      'question-answering: no answer where ln(its score / that of the best answer) is above it (default: 0, if some question has none)',
      realNumber({}),
    )
    .option(
      '--beams <n>',
      'summarization, translation, image-to-text: texts that are looked at in each step; 1: the likeliest token (default: as the files say)',
      wholeNumber(1),
    )
    .option(
      '--length-penalty <x>',
      'with beams: above 0 longer texts win (default: as the files say)',
      realNumber({}),
    )
    .option('--tokens <n>', 'tokens that are written at most (default: as the files say)', wholeNumber(1))
    .option(
      '--template <text>',
      'zero-shot-image-classification: the sentence that a label makes, {} where it stands; several are an ensemble',
      gathered,
    )
    .option(
      '--towers <model>',
      'image-to-text: a model of texts and pictures, by which the nearest picture is found for a baseline',
    )
    .option('--dimensions <n>', 'similarity: only the first n numbers of each vector', wholeNumber(1))
    .addOption(
      new Option('--vectors <format>', 'similarity: vectors in 8 bits or 1 bit a number').choices([
        'int8',
        'binary',
      ]),
    )
    .addOption(
      new Option('--questions <which>', "search: of a context's questions the first, or all").choices([
        'first',
        'all',
      ]),
    )
    .option('--rerank <model>', 'search: a cross-encoder that puts what was found in order anew')
    .option(
      '--first <model>',
      'search: a cross-encoder ranks anew what this encoder and BM25 find (default: BM25 alone)',
    )
    .option('--depth <n>', 'search: how many documents that reads (default: 20)', wholeNumber(1))
    .option(
      '--window <n>',
      'perplexity: tokens that the model sees at once (default: at most 1024)',
      wholeNumber(2),
    )
    .option('--stride <n>', 'perplexity: new tokens in each window (default: half of it)', wholeNumber(1))
    .addOption(
      new Option(
        '--ablate-heads [how]',
        'what each head is worth: the score without it. zero: it gives nothing; uniform: it attends to all alike',
      )
        .choices(['zero', 'uniform'])
        .preset('zero'),
    )
    .option('--metric <name>', 'the metric that heads are measured by (default: the first)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ heed evaluate all-MiniLM-L6-v2 --task sentence-similarity --data stsb.csv --columns text,pair,score
  $ heed evaluate nli --task text-classification --data snli.csv --field text=premise \\
      --field pair=hypothesis --field label=label --label 0=entailment --label 1=neutral --label 2=contradiction
  $ heed evaluate all-MiniLM-L6-v2 --task search --data dev-v1.1.jsonl --format squad
  $ heed evaluate reader --task question-answering --data dev-v2.0.jsonl --format squad --sample 500
  $ heed evaluate SmolLM2-135M-Instruct --task perplexity --data book.txt --window 512
  $ heed evaluate nli --task text-classification --data snli.jsonl --sample 300 --ablate-heads`,
    )
    .action(async (model: string | undefined, options: EvaluateCommandOptions) => {
      const { evaluateModel } = await import('../actions/evaluate.js')
      await evaluateModel(model, options, context)
    })
}
