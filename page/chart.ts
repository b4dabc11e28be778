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
  /** Where its ticks are; undefined: where uPlot sets them. */
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
}

const height = 300;
const printWidth = 640;
const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** drawChart draws a plot into the `.canvas` element of a figure. */
export function drawChart(figure: HTMLElement, plot: Plot): Chart {
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
      scales: { x: scaleOf(plot.x), y: scaleOf(plot.y) },
      axes: [axisOf(plot.x, 2, colour), axisOf(plot.y, 3, colour)],
      series: [{}, ...plot.lines.map((line) => seriesOf(line, colour))],
      hooks: {
        draw: [(self) => drawMarks(self, plot.marks, colour)],
        setCursor: [(self) => tell(self, plot, readout)],
      },
    },
    [plot.xs as number[], ...plot.lines.map(({ values }) => values as (number | null)[])],
    box,
  );
  figure.querySelector(".legend")!.append(...plot.lines.map((line, i) => legendEntry(line, i + 1, chart)));
  box.after(readout);
  tell(chart, plot, readout);
  box.addEventListener("keydown", (event) => moveCursor(event, chart, plot));
  return {
    redraw: () => {
      if (chart.width !== width()) chart.setSize({ width: width(), height });
      chart.redraw(true, true);
    },
  };
}

function scaleOf({ scale, range }: Axis): uPlot.Scale {
  return {
    time: false,
    distr: scale === "log" ? 3 : scale === "share" ? 4 : 1,
    // Below this a share is as good as none, and is drawn in proportion; above it, by its logarithm.
    ...(scale === "share" ? { asinh: 1e-5 } : {}),
    ...(range ? { range: [range[0], range[1]] as [number, number] } : {}),
  };
}

function axisOf({ label, text, ticks }: Axis, side: 2 | 3, colour: (name: string) => string): uPlot.Axis {
  return {
    side: side === 2 ? 2 : 3,
    scale: side === 2 ? "x" : "y",
    label,
    labelSize: 22,
    size: side === 2 ? 34 : 62,
    font,
    labelFont: font,
    stroke: () => colour("quiet"),
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { stroke: () => colour("grid"), width: 1, size: 4 },
    values: (_, splits) => splits.map((split) => (split === null ? "" : text(split, true))),
    ...(ticks ? { splits: () => [...ticks], filter: (_: uPlot, splits: number[]) => splits } : {}),
  };
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
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = font.replace("12px", `${12 * ratio}px`);
  ctx.lineWidth = 1.25 * ratio;
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  for (const mark of marks) {
    const at = self.valToPos(mark.at, mark.axis, true);
    ctx.strokeStyle = colour(mark.colour);
    ctx.fillStyle = colour(mark.colour);
    ctx.beginPath();
    if (mark.axis === "y") {
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
      ctx.textAlign = "left";
      ctx.fillText(mark.text, bbox.left + 6 * ratio, at - 5 * ratio);
    } else {
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      // On the side where there is room.
      const isRight = at > bbox.left + bbox.width / 2;
      ctx.textAlign = isRight ? "right" : "left";
      ctx.fillText(mark.text, at + (isRight ? -6 : 6) * ratio, bbox.top + 14 * ratio);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** tell writes the values under the cursor; without one, how to get them. */
function tell(self: uPlot, plot: Plot, readout: HTMLElement): void {
  const at = self.cursor.idx;
  if (at === null || at === undefined) {
    readout.textContent =
      "Point at the plot, or focus it and use the arrow keys, to read values. Drag to zoom, double-click to go back.";
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
