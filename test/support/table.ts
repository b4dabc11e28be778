// The tables of a Markdown page, row by row.

/** Row is one row of a table, with the heading that it stands under. */
export interface Row {
  readonly heading: string;
  readonly cells: readonly string[];
}

/** rows gives every row of every table, without the header rows. */
export function rows(markdown: string): Row[] {
  const found: Row[] = [];
  let heading = "";
  let inBody = false;
  for (const line of markdown.split("\n")) {
    const title = /^#+ (.*)$/.exec(line)?.[1];
    if (title !== undefined) heading = title;
    if (!line.startsWith("|")) inBody = false;
    else if (/^\|[-|]+\|$/.test(line)) inBody = true;
    else if (inBody)
      found.push({
        heading,
        cells: line
          .slice(1, -1)
          .split("|")
          .map((cell) => cell.trim()),
      });
  }
  return found;
}
