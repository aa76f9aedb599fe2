/** The card's part on heads: what each is worth, what it does, and how its filters came about. */
import { headsSvg, type AttendResult, type PicturedLayer } from '@heed/studio'
import { attentionName, costText } from '../../evaluate/heads.js'
import { reportFile } from '../recorder.js'
import type { HeadsResult } from './heads.js'
import { table } from './markdown.js'
import type { RecipeResults } from './results.js'

/** The picture's name in a package. */
export const headsFile = 'heads.svg'

/** Heads in the table of those that cost most. */
const listed = 8

/** All heads: what each attends to in the text that was watched, and what it costs to take it out. */
export function headsPicture(measured: HeadsResult | undefined, attend: AttendResult | undefined): string {
  const costs = measured?.heads ?? []
  const most = Math.max(1e-9, ...costs.map(({ cost }) => cost.value))
  const measuredNames = [...new Set(costs.map(({ attention }) => attention))]
  const watched = attend?.layers ?? []
  // Of an encoder-decoder what is written was watched, where it attends to the source.
  const crossing = measuredNames.filter((name) => name.includes('crossAttention'))
  const isAll = measuredNames.length === 0 || watched.length === measuredNames.length
  const count = isAll ? Math.max(watched.length, measuredNames.length) : measuredNames.length
  const layers = Array.from({ length: count }, (_, layer): PicturedLayer => {
    const attention = measuredNames[layer]
    const seen = watched[isAll ? layer : crossing.indexOf(attention!)]
    const name =
      (isAll ? seen?.name : undefined) ?? (attention && attentionName(attention)) ?? `layer ${layer}`
    const own = costs.filter((one) => one.attention === attention)
    const filters = seen?.heads ?? []
    return {
      name,
      heads: Array.from({ length: Math.max(own.length, filters.length) }, (_, head) => {
        const cost = own.find((one) => one.head === head)?.cost.value
        return {
          filter: filters[head]?.filter,
          worth:
            cost === undefined ? undefined : { text: costText(cost, measured!.lower), share: cost / most },
        }
      }),
    }
  })
  return headsSvg(layers, [
    ...(attend === undefined
      ? []
      : [`Each head on ${quoted(attend.text)}: queries downward, keys to the right.`]),
    ...(measured === undefined ? [] : [`Below: ${worthOf(measured)}, on ${measured.name}.`]),
  ])
}

/** Nothing where heads were neither measured nor watched. */
export function headsText({ heads: measured, watched }: Pick<RecipeResults, 'heads' | 'watched'>): string[] {
  if (measured === undefined && watched === undefined) return []
  return [
    '## Heads',
    `![Each head, layers downward: what it attends to, what the score loses without it](${headsFile})`,
    ...(measured === undefined ? [] : [measuredText(measured), costly(measured)]),
    ...(watched === undefined
      ? []
      : [
          `[${reportFile}](${reportFile}), opened in a browser, plays how the filters came about` +
            `${watched.from === undefined ? '' : `, from those of ${watched.from} at step 0`}.`,
        ]),
  ]
}

function measuredText(measured: HeadsResult): string {
  const { name, score, heads, metric } = measured
  const harmful = heads.filter(({ cost }) => cost.low > 0).length
  const chance = Math.round(heads.length / 40)
  return [
    `${metric} is ${score.value.toFixed(3)} on ${score.count} records of "${name}", drawn by the seed.`,
    `Each head in turn ${measured.ablation === 'zero' ? 'gives nothing' : 'attends to all alike'}: ${worthOf(measured)}.`,
    `The 95 % interval lies above 0 for ${harmful} of ${heads.length} heads; by chance it would for ${chance}.`,
    'Those that cost most, with what they do: entropy in nats, attention to the token before, to the first token' +
      `${readsTwo(measured) ? ', to the other text' : ''}.`,
  ].join(' ')
}

function costly(measured: HeadsResult): string {
  const { heads, lower } = measured
  const sorted = [...heads].sort((one, other) => other.cost.value - one.cost.value).slice(0, listed)
  return table(
    [
      'head',
      lower ? 'more' : 'loses',
      'interval',
      'entropy',
      'before',
      'first',
      ...(readsTwo(measured) ? ['other text'] : []),
    ],
    sorted.map(({ attention, head, cost, entropy, previous, first, other }) => [
      `${attentionName(attention)}, head ${head}`,
      costText(cost.value, measured.lower),
      `${costText(cost.low, measured.lower)} to ${costText(cost.high, measured.lower)}`,
      ...[entropy, previous, first, ...(readsTwo(measured) ? [other] : [])].map(
        (value) => value?.toFixed(2) ?? '',
      ),
    ]),
  )
}

/** Whether two texts are read together. */
function readsTwo({ heads }: HeadsResult): boolean {
  return heads.some(({ other = 0 }) => other > 0)
}

function worthOf({ metric, lower }: HeadsResult): string {
  return lower ? `how much more ${metric} is without it` : `hundredths of ${metric} that are lost without it`
}

function quoted(text: string): string {
  return `“${text.replaceAll(/\s+/g, ' ')}”`
}
