import { realNumber, trueOrFalse, wholeNumber } from '../options.js'

/** A text, or a list of texts, that a task works on, named as the pipeline's inputs are. */
export interface TaskField {
  readonly name: string
  readonly help: string
  /** True: several texts. */
  readonly isList?: boolean
  readonly isOptional?: boolean
  /** What records of data call it, which `heed evaluate` and `heed train` read. */
  readonly inRecords?: string
  /** True: the path of a picture, and not a text. */
  readonly isPicture?: boolean
  /** From an argument to the texts of a list; one, where this is left out. */
  readonly parse?: (argument: string) => readonly string[]
}

/** An option of a task, named as the pipeline's: `--top-k` for `top_k`. */
export interface TaskOption {
  readonly flags: string
  readonly help: string
  /** From the text that was given to the value. */
  readonly parse?: (text: string) => unknown
  readonly choices?: readonly string[]
  /** The input that it gives as well, to all that have none of their own. */
  readonly field?: string
}

/** What a task takes, for its help and for whoever reads its inputs. */
export interface TaskEntry {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  /** Inputs, in the order of the arguments. */
  readonly fields: readonly TaskField[]
  /** The input that files, folders and pipes give. */
  readonly read: string
  /** What of a file is one text by default. */
  readonly each: 'line' | 'file'
  readonly options: readonly TaskOption[]
  readonly examples: readonly string[]
}

/** `a, b` as two labels. */
function listed(text: string): readonly string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}

const topK = (help: string): TaskOption => ({ flags: '--top-k <k>', help, parse: wholeNumber(1) })
const text: TaskField = { name: 'text', help: 'the text' }
const image: TaskField = { name: 'image', help: 'the path of a picture', isPicture: true }

const writing: readonly TaskOption[] = [
  { flags: '--max-new-tokens <n>', help: 'how many tokens at most', parse: wholeNumber(0, 1_000_000) },
  { flags: '--do-sample', help: 'draw tokens by their probability, and not the likeliest each time' },
  {
    flags: '--temperature <t>',
    help: 'higher is more varied',
    parse: realNumber({ least: 0, most: 100 }),
  },
  { flags: '--top-k <k>', help: 'choose among the k likeliest tokens', parse: wholeNumber(1) },
  {
    flags: '--top-p <p>',
    help: 'choose among the likeliest tokens that have this probability together',
    parse: realNumber({ above: 0, most: 1 }),
  },
  {
    flags: '--repetition-penalty <p>',
    help: 'above 1: what the text has already becomes less likely',
    parse: realNumber({ above: 0, most: 100 }),
  },
  {
    flags: '--num-beams <n>',
    help: 'search for the likeliest text with so many beams',
    parse: wholeNumber(1, 1000),
  },
  {
    flags: '--num-return-sequences <n>',
    help: 'how many texts for each',
    parse: wholeNumber(1, 1000),
  },
  { flags: '--seed <s>', help: 'of the random choices', parse: wholeNumber(0) },
]

const longInput: TaskOption = {
  flags: '--long-input <what>',
  help: 'what becomes of a text that is longer than the model takes (default: truncate)',
  choices: ['truncate', 'windows', 'error'],
}

/** The tasks of `heed run`. */
export const taskList: readonly TaskEntry[] = [
  {
    name: 'question-answering',
    aliases: ['qa'],
    summary: 'the part of a text that answers a question',
    fields: [
      { name: 'question', help: 'the question' },
      { name: 'context', help: 'the text with the answer' },
    ],
    read: 'context',
    each: 'file',
    options: [
      topK('so many answers'),
      {
        flags: '--max-answer-len <n>',
        help: 'tokens of an answer at most',
        parse: wholeNumber(1),
      },
      {
        flags: '--max-seq-len <n>',
        help: 'tokens of a window of a long text, with the question',
        parse: wholeNumber(1),
      },
      {
        flags: '--doc-stride <n>',
        help: 'tokens that neighbouring windows of a long text share',
        parse: wholeNumber(0),
      },
      { flags: '--handle-impossible-answer', help: 'may say that the text has no answer' },
    ],
    examples: [
      '"Where did the cat sit?" "The cat sat on the mat."',
      '"Who is the captain?" --input moby-dick.txt --attend',
      '--input questions.jsonl --output answers.jsonl',
    ],
  },
  {
    name: 'text-classification',
    aliases: ['sentiment-analysis'],
    summary: 'the label of a text, or of a pair: whether the second follows from the first',
    fields: [
      text,
      { name: 'text_pair', inRecords: 'pair', help: 'a second text: the hypothesis', isOptional: true },
    ],
    read: 'text',
    each: 'line',
    options: [topK('so many labels, the likeliest first (default: all)')],
    examples: [
      '"A man plays a guitar on stage." "Somebody makes music."',
      '--input reviews.txt --json',
      '--input pairs.jsonl --output labels.jsonl',
    ],
  },
  {
    name: 'zero-shot-classification',
    summary: 'which of any labels fits a text',
    fields: [
      text,
      {
        name: 'candidate_labels',
        help: 'the labels, also with commas between them',
        isList: true,
        isOptional: true,
        parse: listed,
      },
    ],
    read: 'text',
    each: 'line',
    options: [
      {
        flags: '--labels <labels>',
        help: 'the labels, with commas between them',
        parse: listed,
        field: 'candidate_labels',
      },
      {
        flags: '--hypothesis-template <text>',
        help: 'a sentence with {} where the label goes (default: "This example is {}.")',
      },
      { flags: '--multi-label', help: 'each label by itself: several may fit, or none' },
    ],
    examples: [
      '"The match ended in a draw." sport politics science',
      '--input news.txt --labels sport,politics,science --json',
    ],
  },
  {
    name: 'token-classification',
    aliases: ['ner'],
    summary: 'the entities in a text: names of people, places, organizations',
    fields: [text],
    read: 'text',
    each: 'line',
    options: [
      {
        flags: '--aggregation-strategy <name>',
        help: 'how tokens become entities (default: simple)',
        choices: ['none', 'simple', 'first', 'average', 'max'],
      },
      {
        flags: '--ignore-labels <labels>',
        help: 'labels that are left out, with commas between them (default: O)',
        parse: listed,
      },
    ],
    examples: ['"Ada Lovelace worked in London." --model bert-base-NER'],
  },
  {
    name: 'fill-mask',
    summary: 'what may stand at [MASK] in a text',
    fields: [text],
    read: 'text',
    each: 'line',
    options: [
      topK('so many tokens (default: 5)'),
      { flags: '--targets <words>', help: 'only these, with commas between them', parse: listed },
    ],
    examples: ['"The capital of France is [MASK]." --model bert-base-uncased'],
  },
  {
    name: 'sentence-similarity',
    summary: 'how near sentences are to one in meaning, the nearest first',
    fields: [
      { name: 'source_sentence', help: 'the sentence' },
      { name: 'sentences', help: 'those that it is compared with', isList: true },
    ],
    read: 'sentences',
    each: 'line',
    options: [topK('only the k nearest')],
    examples: [
      '"A cat sleeps." "A kitten naps." "Stocks fell."',
      '"how to cook rice" --input sentences.txt --top-k 5',
    ],
  },
  {
    name: 'rerank',
    summary: 'documents by how well they answer a query',
    fields: [
      { name: 'query', help: 'what is looked for' },
      { name: 'documents', help: 'where it is looked for', isList: true },
    ],
    read: 'documents',
    each: 'line',
    options: [
      topK('only the k best'),
      {
        flags: '--method <name>',
        help: 'how documents are scored (default: what suits the model)',
        choices: ['cross', 'embeddings', 'late'],
      },
    ],
    examples: [
      '"moon landing" "Apollo 11 landed in 1969." "The moon is made of rock."',
      '"moon landing" --input documents/ --top-k 3 --attend',
    ],
  },
  {
    name: 'feature-extraction',
    summary: 'the vector of a text',
    fields: [text],
    read: 'text',
    each: 'line',
    options: [
      {
        flags: '--pooling <name>',
        help: "how tokens' vectors become one (default: model, as its files say)",
        choices: ['model', 'none', 'mean', 'cls', 'first_token', 'last_token', 'max'],
      },
      { flags: '--normalize', help: 'vectors of length 1' },
      { flags: '--dimensions <n>', help: 'only the first n numbers', parse: wholeNumber(1) },
      { flags: '--prompt-name <name>', help: "one of the model's prompts, such as query" },
    ],
    examples: ['"The cat sat on the mat." --json'],
  },
  {
    name: 'text-generation',
    summary: 'what follows a text',
    fields: [text],
    read: 'text',
    each: 'line',
    options: writing,
    examples: ['"Once upon a time" --max-new-tokens 40', '--input prompts.txt --output stories.jsonl'],
  },
  {
    name: 'summarization',
    summary: 'a long text in short',
    fields: [text],
    read: 'text',
    each: 'file',
    options: [...writing, longInput],
    examples: [
      '--input article.txt --model distilbart-cnn-6-6',
      '--input articles/ --output summaries.jsonl',
    ],
  },
  {
    name: 'translation',
    summary: 'a text in another language',
    fields: [text],
    read: 'text',
    each: 'line',
    options: [
      { flags: '--src-lang <name>', help: "the text's language, as the model names it" },
      { flags: '--tgt-lang <name>', help: 'the language of the result' },
      ...writing,
      longInput,
    ],
    examples: ['"The cat sat on the mat." --model opus-mt-en-de'],
  },
  {
    name: 'text2text-generation',
    summary: 'what an encoder-decoder makes of a text',
    fields: [text],
    read: 'text',
    each: 'line',
    options: [...writing, longInput],
    examples: ['"translate English to German: The cat sat." --model flan-t5-small'],
  },
  {
    name: 'image-to-text',
    summary: 'a text about a picture: a caption, or what is written on it',
    fields: [image],
    read: 'image',
    each: 'file',
    options: writing,
    examples: [
      'photo.jpg --model vit-gpt2-image-captioning --attend',
      '--input photos/ --model blip --output captions.jsonl',
    ],
  },
  {
    name: 'image-classification',
    summary: 'the labels of a picture',
    fields: [image],
    read: 'image',
    each: 'file',
    options: [topK('so many labels, the likeliest first (default: 5)')],
    examples: ['photo.jpg --model vit-base-patch16-224 --html photo.html'],
  },
  {
    name: 'zero-shot-image-classification',
    summary: 'which of any labels fits a picture',
    fields: [
      image,
      {
        name: 'candidate_labels',
        help: 'the labels, also with commas between them',
        isList: true,
        isOptional: true,
        parse: listed,
      },
    ],
    read: 'image',
    each: 'file',
    options: [
      {
        flags: '--labels <labels>',
        help: 'the labels, with commas between them',
        parse: listed,
        field: 'candidate_labels',
      },
      {
        flags: '--hypothesis-template <texts>',
        help: 'a sentence with {} where the label goes; several, with | between them, are an ensemble (default: "This is a photo of {}")',
        parse: (text) => text.split('|').map((one) => one.trim()),
      },
    ],
    examples: [
      'photo.jpg cat dog tree --model clip-vit-base-patch32',
      '--input photos/ --labels cat,dog --model clip-vit-base-patch32 --json',
    ],
  },
  {
    name: 'image-feature-extraction',
    summary: 'the vector of a picture',
    fields: [image],
    read: 'image',
    each: 'file',
    options: [
      {
        flags: '--pool <whether>',
        help: 'false: a vector of each patch, and not one of the whole (default: true)',
        parse: trueOrFalse,
      },
    ],
    examples: ['photo.jpg --model dinov2-small --json'],
  },
]

/** An option's name as the pipeline has it: `top_k` of `--top-k <k>`. */
export function optionName({ flags }: TaskOption): string {
  return /^--([\w-]+)/.exec(flags)![1]!.replaceAll('-', '_')
}
