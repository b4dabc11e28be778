// `anyprobe status --watch`: the same text again every second; on a terminal always in the same place.
import { setTimeout as sleep } from "node:timers/promises";

const everyMs = 1000;

/** watch shows what `look` gives once a second until SIGINT, which ends the process with 0. `redraw`: over what was there. */
export async function watch(redraw: boolean, look: () => Promise<string>): Promise<never> {
  process.once("SIGINT", () => process.exit(0));
  const out = process.stdout;
  if (redraw) out.write("\x1b[2J");
  for (;;) {
    const text = await look();
    // In a pipe an empty line tells one text from the next; JSON has one line each.
    out.write(redraw ? frame(text, out.rows) : text.startsWith("{") ? text : `${text}\n`);
    await sleep(everyMs);
  }
}

/**
 * frame writes lines from the top of the screen on, and clears what was behind them. No line wraps and none is below the
 * screen, else it would scroll (ECMA-48; ?7 is DEC's autowrap).
 */
export function frame(text: string, rows: number): string {
  const lines = text.trimEnd().split("\n");
  const fit = Math.max(1, rows - 2);
  const shown = lines.length <= fit + 1 ? lines : [...lines.slice(0, fit), `… ${lines.length - fit} more lines`];
  return `\x1b[?7l\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J\x1b[?7h`;
}
