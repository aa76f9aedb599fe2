import { SCORES } from '../payload.js'
import { highestEntropy, type Data } from './frames.js'
import { element, scoreText, section, sideways } from './dom.js'
import { chooseHead, type Store } from './state.js'

const COLUMNS: readonly { readonly heading: string; readonly title: string }[] = [
  { heading: 'Entropy', title: 'In nats, mean over the queries: 0 is one key alone, large is spread out' },
  { heading: 'Previous token', title: 'How much it attends to the token just before' },
  { heading: 'First token', title: 'How much it attends to the first token (attention sink)' },
  { heading: 'Induction', title: 'How much it attends to what followed the last time' },
]

/** The heads and their scores; each column sorts. */
export function tableView(data: Data, store: Store): HTMLElement {
  let sorted = -1 // the column of scores, or -1 for the heads themselves
  let descending = false
  const rows = Array.from({ length: data.heads }, (_, head) => {
    const button = element('button', { type: 'button', class: 'quiet' }, data.nameOf(head))
    button.addEventListener('click', () => chooseHead(data, store, head))
    const cells = SCORES.map(() => element('td', { class: 'score' }))
    return { head, cells, node: element('tr', {}, element('th', { scope: 'row' }, button), ...cells) }
  })
  const headings = ['Head', ...COLUMNS.map((column) => column.heading)].map((heading, index) => {
    const button = element(
      'button',
      { type: 'button', class: 'quiet', title: COLUMNS[index - 1]?.title ?? 'Layer and head' },
      heading,
    )
    button.addEventListener('click', () => {
      descending = sorted === index - 1 ? !descending : index > 0
      sorted = index - 1
      sort()
    })
    return element('th', { scope: 'col' }, button)
  })
  const body = element('tbody')
  const scores = (): readonly (readonly (number | null)[])[] => data.payload.frames[store.get().frame]!.scores
  const largest = highestEntropy(data)

  function sort(): void {
    headings.forEach((heading, index) => {
      if (index - 1 === sorted) heading.setAttribute('aria-sort', descending ? 'descending' : 'ascending')
      else heading.removeAttribute('aria-sort')
    })
    const column = scores()[sorted]
    const value = (head: number): number => (column === undefined ? head : (column[head] ?? -Infinity))
    const order = [...rows].sort(
      (a, b) => (descending ? -1 : 1) * (value(a.head) - value(b.head)) || a.head - b.head,
    )
    const current = [...body.children]
    if (order.some((row, index) => current[index] !== row.node))
      body.replaceChildren(...order.map((row) => row.node))
  }
  function fill(): void {
    const columns = scores()
    for (const { head, cells } of rows) {
      cells.forEach((cell, column) => {
        const score = columns[column]![head] ?? null
        cell.textContent = scoreText(score)
        const share = Math.min(1, Math.max(0, (score ?? 0) / (column === 0 ? largest : 1)))
        cell.style.setProperty('--share', share.toFixed(4))
      })
    }
    const focused = document.activeElement
    sort()
    if (focused instanceof HTMLElement && body.contains(focused)) focused.focus({ preventScroll: true })
  }
  function select(): void {
    for (const { head, node } of rows) {
      if (head === store.get().head) node.setAttribute('aria-current', 'true')
      else node.removeAttribute('aria-current')
    }
  }
  store.on(['frame'], fill)
  store.on(['head'], select)
  fill()
  select()
  return section(
    'scores',
    'What the heads do',
    'Scores from the filters, averaged over the queries. Choose a heading to sort, a head to see it.',
    sideways(
      { class: 'tall', role: 'region', 'aria-label': 'Table of heads', tabindex: '0' },
      element('table', {}, element('thead', {}, element('tr', {}, ...headings)), body),
    ).node,
  )
}
