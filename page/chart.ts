// A chart: uPlot in this page's colours, with a legend of buttons, a readout of the values under the cursor, and arrow keys. What
// is plotted is a Plot; how it looks is here.
import uPlot from "uplot";

/** Axis is one scale of a plot and how its values read. */
export interface Axis {
  readonly label: string;
  readonly scale: "linear" | "log" | "share";
  /** Writes a value; `tick` asks for the short form. */
  readonly text: (value: number, tick: boolean) => string;
  /** undefined: by the values. */
  readonly range?: readonly [number, number];
  /** Where its ticks are; undefined: where they fall. */
  readonly ticks?: readonly number[];
}

/** Line is one series of a plot; null where it has no value. */
export interface Line {
  readonly name: string;
  /** Number of the colour in the style sheet, or its name there. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly dash?: readonly number[];
  readonly width?: number;
  readonly points?: boolean;
  readonly steps?: boolean;
}

/** Mark is a straight line with words, across the plot. */
export interface Mark {
  readonly axis: "x" | "y";
  readonly at: number;
  readonly text: string;
  readonly colour: string;
}

/** Plot is what is drawn. `x` ascends. */
export interface Plot {
  readonly x: Axis;
  readonly y: Axis;
  readonly xs: readonly number[];
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
}

export interface Chart {
  /** redraw takes on the page's width and colours of the moment. */
  redraw(): void;
  /** update draws another plot of the same lines in its place; what was zoomed into stays. */
  update(plot: Plot): void;
}

const height = 300;
const printWidth = 640;
const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** drawChart draws a plot into the `.canvas` element of a figure. */
export function drawChart(figure: HTMLElement, plot: Plot): Chart {
  let shown = plot;
  const box = figure.querySelector<HTMLElement>(".canvas")!;
  const readout = document.createElement("p");
  readout.className = "readout";
  readout.setAttribute("aria-live", "polite");
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const width = () => ("print" in document.documentElement.dataset ? printWidth : Math.max(240, box.clientWidth));
  const chart = new uPlot(
    {
      width: width(),
      height,
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, focus: { prox: 24 } },
      focus: { alpha: 0.35 },
      scales: { x: scaleOf(() => shown.x), y: scaleOf(() => shown.y) },
      axes: [axisOf(() => shown.x, 2, colour), axisOf(() => shown.y, 3, colour)],
      series: [{}, ...plot.lines.map((line) => seriesOf(line, colour))],
      hooks: {
        draw: [(self) => drawMarks(self, shown.marks, colour)],
        setCursor: [(self) => tell(self, shown, readout)],
      },
    },
    dataOf(plot),
    box,
  );
  figure.querySelector(".legend")!.append(...plot.lines.map((line, i) => legendEntry(line, i + 1, chart)));
  box.after(readout);
  tell(chart, plot, readout);
  box.addEventListener("keydown", (event) => moveCursor(event, chart, shown));
  return {
    redraw: () => {
      if (chart.width !== width()) chart.setSize({ width: width(), height });
      chart.redraw(true, true);
    },
    update: (next) => {
      const [least, most] = shown.x.range ?? [chart.scales["x"]!.min, chart.scales["x"]!.max];
      const zoomed = chart.scales["x"]!.min !== least || chart.scales["x"]!.max !== most;
      shown = next;
      chart.setData(dataOf(next), !zoomed);
      if (zoomed) chart.redraw();
      tell(chart, next, readout);
    },
  };
}

function dataOf({ xs, lines }: Plot): uPlot.AlignedData {
  return [xs as number[], ...lines.map(({ values }) => values as (number | null)[])];
}

function scaleOf(axis: () => Axis): uPlot.Scale {
  const { scale, range } = axis();
  return {
    time: false,
    distr: scale === "log" ? 3 : scale === "share" ? 4 : 1,
    // Below this a share is as good as none, and is drawn in proportion; above it, by its logarithm.
    ...(scale === "share" ? { asinh: 1e-5 } : {}),
    ...(range ? { range: () => [...axis().range!] as [number, number] } : {}),
  };
}

function axisOf(axis: () => Axis, side: 2 | 3, colour: (name: string) => string): uPlot.Axis {
  const { label, scale, ticks } = axis();
  const own = ticks !== undefined || scale === "log";
  const splits = (_: uPlot, __: number, least: number, most: number) =>
    (axis().ticks ?? logTicks(least, most)).filter((tick) => tick >= least && tick <= most);
  return {
    side,
    scale: side === 2 ? "x" : "y",
    label,
    labelSize: 22,
    size: side === 2 ? 34 : 62,
    font,
    labelFont: font,
    stroke: () => colour("quiet"),
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { stroke: () => colour("grid"), width: 1, size: 4 },
    values: (self, splits) => labels(self, axis(), side, splits),
    ...(own ? { splits, filter: (_: uPlot, splits: number[]) => splits } : {}),
  };
}

/** logTicks gives the powers of ten in a range; where those are few, 2 and 5 times them too. */
function logTicks(least: number, most: number): number[] {
  const decades = Math.log10(most / least);
  const steps = decades > 3 ? [1] : decades > 1.2 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++)
    for (const step of steps) ticks.push(step * 10 ** power);
  return ticks;
}

/** A label that would run into the one before it is left out; its line in the grid stays. */
function labels(self: uPlot, { text }: Axis, side: 2 | 3, splits: readonly number[]): string[] {
  let free = Number.NEGATIVE_INFINITY;
  return splits.map((split) => {
    const label = text(split, true);
    const at = self.valToPos(split, side === 2 ? "x" : "y");
    const room = side === 2 ? label.length * 3.7 + 5 : 8;
    // Down the other axis positions shrink as values grow.
    const along = side === 2 ? at : -at;
    if (along - room < free) return "";
    free = along + room;
    return label;
  });
}

function seriesOf(line: Line, colour: (name: string) => string): uPlot.Series {
  return {
    label: line.name,
    stroke: () => colour(line.colour),
    width: line.width ?? 1.75,
    points: { show: line.points ?? false, size: 6, fill: () => colour(line.colour) },
    spanGaps: false,
    ...(line.dash ? { dash: [...line.dash] } : {}),
    ...(line.steps ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}),
  };
}

function drawMarks(self: uPlot, marks: readonly Mark[], colour: (name: string) => string): void {
  const { ctx, bbox } = self;
  const ratio = uPlot.pxRatio;
  /** Words on a ground of their own, so that lines do not cross them out. */
  const write = (text: string, x: number, y: number) => {
    const { strokeStyle } = ctx;
    ctx.setLineDash([]);
    ctx.strokeStyle = colour("card");
    ctx.lineWidth = 5 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
    ctx.strokeStyle = strokeStyle;
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = font.replace("12px", `${12 * ratio}px`);
  for (const mark of marks) {
    const at = self.valToPos(mark.at, mark.axis, true);
    ctx.lineWidth = 1.25 * ratio;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.strokeStyle = colour(mark.colour);
    ctx.fillStyle = colour(mark.colour);
    ctx.beginPath();
    if (mark.axis === "y") {
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
      ctx.stroke();
      ctx.textAlign = "left";
      write(mark.text, bbox.left + 6 * ratio, at - 6 * ratio);
    } else {
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      // On the side where there is room.
      const isRight = at > bbox.left + bbox.width / 2;
      ctx.stroke();
      ctx.textAlign = isRight ? "right" : "left";
      write(mark.text, at + (isRight ? -6 : 6) * ratio, bbox.top + 14 * ratio);
    }
  }
  ctx.restore();
}

/** tell writes the values under the cursor. */
function tell(self: uPlot, plot: Plot, readout: HTMLElement): void {
  const at = self.cursor.idx;
  if (at === null || at === undefined) {
    readout.textContent = "";
    return;
  }
  const values = plot.lines.flatMap((line, i) => {
    const value = line.values[at];
    return value === null || value === undefined || !self.series[i + 1]!.show
      ? []
      : [`${line.name} ${plot.y.text(value, false)}`];
  });
  readout.textContent = `${plot.x.text(plot.xs[at]!, false)}: ${values.join(", ") || "no value"}`;
}

function legendEntry(line: Line, index: number, chart: uPlot): HTMLElement {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  button.title = "Show or hide";
  const key = document.createElement("span");
  key.className = `key ${line.colour}${line.dash ? " dashed" : ""}`;
  button.append(key, line.name);
  button.addEventListener("click", () => {
    const show = !chart.series[index]!.show;
    chart.setSeries(index, { show });
    button.setAttribute("aria-pressed", String(show));
  });
  item.append(button);
  return item;
}

function moveCursor(event: KeyboardEvent, chart: uPlot, { xs }: Plot): void {
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -xs.length, End: xs.length };
  const step = steps[event.key as keyof typeof steps];
  if (event.key === "Escape") chart.setCursor({ left: -10, top: -10 });
  if (step === undefined) return;
  event.preventDefault();
  const at = Math.min(Math.max((chart.cursor.idx ?? (step > 0 ? -1 : xs.length)) + step, 0), xs.length - 1);
  chart.setCursor({ left: chart.valToPos(xs[at]!, "x"), top: height / 2 });
}
