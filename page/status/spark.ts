// A sparkline: the newest round trips of a target, the losses in red.

const [width, height] = [90, 20];
const namespace = "http://www.w3.org/2000/svg";

/** Spark draws up to 16 round trips, the newest at the right. */
export class Spark {
  readonly element = document.createElementNS(namespace, "svg");
  readonly #path = document.createElementNS(namespace, "path");
  readonly #lost = document.createElementNS(namespace, "g");
  #drawn = "";

  constructor() {
    this.element.setAttribute("class", "spark");
    this.element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.element.setAttribute("role", "img");
    this.element.append(this.#lost, this.#path);
  }

  /** show draws round trips in ms, the oldest first; null: not answered. */
  show(recent: readonly (number | null)[]): void {
    const drawn = recent.join();
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const most = Math.max(...recent.map((ms) => ms ?? 0), 1e-3);
    const step = width / 16;
    const lost: SVGElement[] = [];
    let path = "";
    let pen = "M";
    recent.forEach((ms, i) => {
      const x = width - (recent.length - i - 0.5) * step;
      if (ms === null) {
        lost.push(rectangle(x - step / 2 + 0.5));
        pen = "M";
        return;
      }
      path += `${pen}${x.toFixed(1)} ${(height - 2 - (ms / most) * (height - 4)).toFixed(1)}`;
      pen = "L";
    });
    this.#path.setAttribute("d", path);
    this.#lost.replaceChildren(...lost);
    const misses = lost.length === 0 ? "all answered" : `${lost.length} not answered`;
    this.element.setAttribute("aria-label", `the last ${recent.length}: ${misses}`);
  }
}

function rectangle(x: number): SVGElement {
  const made = document.createElementNS(namespace, "rect");
  for (const [name, value] of Object.entries({ x, y: 1, width: width / 16 - 1, height: height - 2 }))
    made.setAttribute(name, String(value));
  return made;
}
