// What people see of the demo: a line for each step as it happens, a line that tells what is being waited for on a
// terminal, and at the end the latencies and the verdict. In a pipe there are no colours, no symbols and no such line.
import type { WriteStream } from "node:tty";
import { styleText } from "node:util";
import type { DemoReport } from "../demo/demo.js";
import type { EventName, Step } from "../demo/timeline.js";
import { formatDuration, nsPerMs } from "../units.js";

type Style = Parameters<typeof styleText>[0];

const bad: readonly EventName[] = ["killed", "told", "down"];
const away: readonly EventName[] = ["address-gone", "route-gone", "withdrawn", "stays-away"];
const good: readonly EventName[] = ["up", "stable", "address-back", "route-back", "announced"];
/** Time and `took`, with their gaps. */
const margin = 23;
const frames = ["|", "/", "-", "\\"];
const frameMs = 120;
const barColumns = 30;

/** DemoScreen writes to one stream. */
export class DemoScreen {
  readonly onStep = (step: Step) => this.#step(step);
  readonly onWait = (what: string) => this.#wait(what);
  readonly #out: Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>;
  readonly #live: boolean;
  readonly #colours: boolean;
  readonly #columns: number;
  #spinner: NodeJS.Timeout | undefined;
  #begun = false;

  constructor(out: Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>) {
    this.#out = out;
    this.#live = out.isTTY === true;
    this.#colours = this.#live && !process.env["NO_COLOR"];
    this.#columns = Math.max(60, Math.min(out.columns || 80, 120));
  }

  /** end writes what is left to say. */
  end({ ok, faults, timeline, latency }: DemoReport): void {
    this.close();
    if (latency) this.#latency(latency);
    for (const fault of faults) this.#line(this.#paint("red", fault));
    this.#line(
      ok
        ? this.#paint(["bold", "green"], `ok: ${verdict(timeline)}`)
        : this.#paint(["bold", "red"], "failed: not all of it happened as it must"),
    );
  }

  /** close takes the waiting line away. */
  close(): void {
    clearInterval(this.#spinner);
    this.#spinner = undefined;
    if (this.#live) this.#out.write("\r\x1b[K");
  }

  #step({ event, atMs, detail, tookMs, table }: Step) {
    this.close();
    if (!this.#begun) this.#line(this.#paint("dim", `${"at".padStart(9)}${"took".padStart(10)}`));
    this.#begun = true;
    const at = `${(atMs / 1e3).toFixed(3)} s`.padStart(9);
    const took = (tookMs === undefined ? "" : formatDuration(tookMs * nsPerMs)).padStart(10);
    const [first = "", ...more] = wrap(detail, this.#columns - margin);
    const style = styleOf(event);
    const mark = this.#live ? `${this.#paint(style, symbolOf(event))} ` : "  ";
    this.#line(`${this.#paint("dim", at)}${took}  ${mark}${this.#paint(style, first)}`);
    for (const line of more) this.#line(`${" ".repeat(margin)}${this.#paint(style, line)}`);
    if (table === undefined) return;
    const lines = table === "" ? ["(no route)"] : table.split("\n");
    for (const line of ["r1# ip route show", ...lines]) {
      this.#line(`${" ".repeat(margin)}${this.#paint("dim", line.trimEnd().replace("\t", "  "))}`);
    }
  }

  #wait(what: string) {
    if (!this.#live) return;
    this.close();
    const since = Date.now();
    let frame = 0;
    const draw = () => {
      const seconds = ((Date.now() - since) / 1e3).toFixed(1);
      const text = `waiting for ${what} (${seconds} s)`.slice(0, this.#columns - margin - 1);
      this.#out.write(
        `\r\x1b[K${" ".repeat(margin - 2)}${frames[frame++ % frames.length]} ${this.#paint("dim", text)}`,
      );
    };
    draw();
    this.#spinner = setInterval(draw, frameMs);
  }

  #latency({ count, p50Ns, p90Ns, p99Ns, p999Ns, maxNs, spread }: NonNullable<DemoReport["latency"]>) {
    const percentiles = Object.entries({ p50: p50Ns, p90: p90Ns, p99: p99Ns, "p99.9": p999Ns, max: maxNs });
    this.#line("");
    this.#line(`${count} answers: ${percentiles.map(([name, ns]) => `${name} ${formatDuration(ns)}`).join("  ")}`);
    const most = Math.max(...spread.map((span) => span.count));
    for (const span of spread) {
      const bar = (this.#live ? "█" : "#").repeat(Math.ceil((span.count / most) * barColumns));
      const range = `${formatStep(span.fromNs).padStart(6)} - ${formatStep(span.toNs).padEnd(6)}`;
      this.#line(`  ${range} ${this.#paint("cyan", bar)}${bar ? " " : ""}${span.count}`);
    }
    this.#line("");
  }

  #line(text: string) {
    this.#out.write(`${text.trimEnd()}\n`);
  }

  #paint(style: Style, text: string): string {
    return this.#colours && text !== "" ? styleText(style, text, { validateStream: false }) : text;
  }
}

/** verdict says in one line how long the two ways took. */
function verdict(steps: readonly Step[]): string {
  const took = (...names: readonly EventName[]) => {
    const last = steps.findLast(({ event }) => names.includes(event));
    return formatDuration((last?.tookMs ?? Number.NaN) * nsPerMs);
  };
  const what = steps.some(({ event }) => event === "route-gone") ? "route" : "address";
  return `the ${what} was gone ${took(`${what}-gone`)} after the death, and back ${took(`${what}-back`)} after the return`;
}

function styleOf(event: EventName): Style {
  if (bad.includes(event)) return "red";
  if (away.includes(event)) return "yellow";
  return good.includes(event) ? "green" : "reset";
}

function symbolOf(event: EventName): string {
  if (bad.includes(event)) return "✗";
  if (away.includes(event)) return "▼";
  return good.includes(event) ? "✓" : "·";
}

/** The bounds of the spread are round. */
function formatStep(ns: number): string {
  return formatDuration(ns).replace(/\.0+(?=\D)/, "");
}

/** wrap breaks a text at blanks into lines of so many columns, or longer where a word is. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
