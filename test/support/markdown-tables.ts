/** The tables of a page: by the heading above, the cells by the name of the row and of the column. */
export function tablesOf(page: string): Record<string, Record<string, Record<string, string>>> {
  const tables: Record<string, Record<string, Record<string, string>>> = {}
  let heading = ''
  let columns: readonly string[] = []
  for (const line of page.split('\n')) {
    if (line.startsWith('#')) {
      heading = line.replace(/^#+ /, '')
      columns = []
    }
    if (!line.startsWith('|')) continue
    const [name = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    if (/^-+$/.test(name)) continue
    if (columns.length === 0) columns = cells
    else (tables[heading] ??= {})[name] = Object.fromEntries(cells.map((cell, index) => [columns[index] ?? '', cell]))
  }
  return tables
}
