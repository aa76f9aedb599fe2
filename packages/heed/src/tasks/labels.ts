/** What a classifier's configuration says of its labels. */
import { type EncoderDesign, type LoadedEncoder, type Running } from '../models/index.js'
import { UsageError } from '../base/index.js'

export { labelNames } from '../models/index.js'

/** What a head's labels are, where the configuration says it. */
export type ProblemType = 'regression' | 'single_label_classification' | 'multi_label_classification'

/** `problem_type`. Throws FormatError for one that isn't known. */
export function problemType({ stored }: Pick<Running<LoadedEncoder>, 'stored'>): ProblemType | undefined {
  const said = stored.config.member('problem_type')
  return said.isNull
    ? undefined
    : said.choice(['regression', 'single_label_classification', 'multi_label_classification'])
}

/** The design of a model's head. Throws UsageError where it has none of this kind. */
export function headOfKind<K extends NonNullable<EncoderDesign['head']>['kind']>(
  task: string,
  { config }: Running<LoadedEncoder>,
  kind: K,
): Extract<NonNullable<EncoderDesign['head']>, { readonly kind: K }> {
  const { head, architecture } = config
  if (head?.kind === kind) return head as Extract<NonNullable<EncoderDesign['head']>, { readonly kind: K }>
  throw new UsageError({
    operation: task,
    expected: `a model with a head for it (${classes[kind]})`,
    found: head === undefined ? `'${architecture}' without a head` : `'${architecture}' for ${head.name}`,
    hint: 'take a checkpoint whose class has it, or train one',
  })
}

const classes = {
  classification: '…ForSequenceClassification',
  token: '…ForTokenClassification',
  answer: '…ForQuestionAnswering',
  'masked-language': '…ForMaskedLM',
} as const
