/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

/** Lines of at most 110 columns: paragraphs and lists are broken between words, and nothing else is. */
export function filled(text: string): string {
  return text
    .split('\n\n')
    .map((block) => (/^(\||#|```|!)/.test(block) ? block : block.split('\n').map(broken).join('\n')))
    .join('\n\n')
}

function broken(line: string): string {
  const hanging = line.startsWith('- ') ? '  ' : ''
  const lines = ['']
  for (const word of line.split(' ')) {
    const last = lines.at(-1) ?? ''
    const longer = last === '' ? word : `${last} ${word}`
    if (longer.length <= 110 || last === '') lines[lines.length - 1] = longer
    else lines.push(hanging + word)
  }
  return lines.join('\n')
}
