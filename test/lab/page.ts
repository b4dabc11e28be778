// The status page in a real browser: how soon it shows a kill, the withdrawal and the return; how it looks; and what it costs the
// process that shows it.
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { launchBrowser, openPage } from "../support/browser.js";
import { within } from "../support/daemon.js";
import { bars, type Experiment, round, spread } from "./figures.js";
import { anycast, Lab, type LabEndpoint, quick } from "./lab.js";
import { WatchStage } from "./page-watch.js";

/** Where the daemon of the lab listens, in its own namespace. */
const port = 9353;
export const pageUrl = `http://127.0.0.1:${port}/`;

/** Sighting is a change that the page showed; Unix time, by the clock of this host. */
export interface Sighting {
  readonly atMs: number;
  readonly state: string | null;
  readonly verified: string | null;
  readonly check: string | null;
}

/** PageLab is a network whose first endpoint shows its page to a browser of its own. */
export class PageLab implements AsyncDisposable {
  private constructor(
    readonly lab: Lab,
    readonly endpoint: LabEndpoint,
    readonly browser: Browser,
  ) {}

  static async create(): Promise<PageLab> {
    const lab = await Lab.create({ endpoints: 2 });
    try {
      await lab.startDaemons({ check: quick, top: { listen: `127.0.0.1:${port}` } });
      const endpoint = lab.endpoints[0]!;
      return new PageLab(lab, endpoint, await launchBrowser(endpoint.node.namespace));
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.lab.close();
  }
}

/** observe notes every change of the prefix's card, as it comes to the document. */
export async function observe(page: Page): Promise<void> {
  const card = page.locator(`[data-prefix="${anycast}"][data-state="announced"][data-verified="true"]`);
  await card.waitFor({ timeout: 10_000 });
  await page.evaluate(observing);
}

/** In the page, which this program's compiler knows nothing of. */
const observing = `
  const card = document.querySelector('[data-prefix="${anycast}"]');
  globalThis.seen = [];
  new MutationObserver(() => {
    seen.push({
      atMs: Date.now(),
      state: card.getAttribute("data-state"),
      verified: card.getAttribute("data-verified"),
      check: card.querySelector("[data-check]").getAttribute("data-check"),
    });
  }).observe(card, { subtree: true, attributes: true, attributeFilter: ["data-state", "data-verified", "data-check"] });
`;

/** seenBy gives when the page first showed it at or after `sinceMs`. */
export async function seenBy(page: Page, sinceMs: number, wanted: (seen: Sighting) => boolean): Promise<number> {
  const found = await within(30_000, async () => {
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: Sighting[] }).seen);
    return seen.find((one) => one.atMs >= sinceMs && wanted(one))?.atMs;
  });
  if (found === undefined) throw new Error("the page did not show it within 30 s");
  return found;
}

/** Lateness is how long after each of them the page showed it. ms */
export interface Lateness {
  readonly kill: number;
  readonly withdrawal: number;
  readonly return: number;
}

/** killAndReturn kills the server and starts it again; R1's kernel table says when the route went, and when it was back. */
export async function killAndReturn({ lab, endpoint }: PageLab, page: Page): Promise<Lateness> {
  const wall = (ns: number) => Date.now() - (monotonicNs() - ns) / nsPerMs;
  const killedNs = monotonicNs();
  const killedMs = Date.now();
  endpoint.server!.signal("SIGKILL");
  const goneMs = wall(await lab.goneFromR1(endpoint, killedNs));
  const shownSick = await seenBy(page, killedMs, ({ check }) => check !== "up");
  const shownGone = await seenBy(page, killedMs, ({ state, verified }) => state === "withdrawn" && verified === "true");
  await endpoint.restartServer();
  const backMs = wall(await lab.backAtR1(endpoint, monotonicNs()));
  const shownBack = await seenBy(
    page,
    shownGone,
    ({ state, verified }) => state === "announced" && verified === "true",
  );
  return { kill: shownSick - killedMs, withdrawal: shownGone - goneMs, return: shownBack - backMs };
}

/** screenshots writes the page light, dark and narrow, each as it is and to its full height. */
export async function screenshots(browser: Browser, url: string, folder: string, name: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const complaints: string[] = [];
  for (const [look, options] of [
    ["light", {}],
    ["dark", { dark: true }],
    ["narrow", { width: 400 }],
  ] as const) {
    const watched = await openPage(browser, url, options);
    await watched.page.locator("#verdict").waitFor();
    await sleep(300);
    await watched.page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true });
    const wide = await watched.page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
    if (wide > 0) complaints.push(`${look}: the page is ${wide} px too wide`);
    complaints.push(...watched.complaints);
    await watched.page.close();
  }
  return complaints;
}

/** Long enough for the hundredths of a second that the kernel counts in. */
const cpuTerms = { targets: 10_000, seconds: 20 };
const settleMs = 10_000;
const mostMs = 1000;
const mostCpuPercent = 5;

export const page: Experiment = {
  summary:
    "the status page in Chromium: how soon it shows a kill, the withdrawal, the return; its cost at 10,000 targets",
  async run({ runs = 10, seconds = cpuTerms.seconds }, say) {
    const folder = join(tmpdir(), "anyprobe-page");
    const late = await measureLateness(runs, folder, say);
    const cost = await measureCost(seconds, folder, say);
    const complaints = [...late.complaints, ...cost.complaints];
    const figures = {
      kill: spread(late.found.map(({ kill }) => kill)),
      withdrawal: spread(late.found.map(({ withdrawal }) => withdrawal)),
      return: spread(late.found.map((one) => one.return)),
      ...cost.figures,
      complaints: complaints.length,
    };
    const failures = [
      ...complaints,
      ...(["kill", "withdrawal", "return"] as const).flatMap((name) => bars(name, figures[name], { max_ms: mostMs })),
      ...bars("page", figures, { page_cpu_percent: mostCpuPercent }),
    ];
    return { figures, failures, environment: { targets: cpuTerms.targets, interval: "1s", screenshots: folder } };
  },
};

async function measureLateness(runs: number, folder: string, say: (text: string) => void) {
  await using pageLab = await PageLab.create();
  const watched = await openPage(pageLab.browser, pageUrl);
  await observe(watched.page);
  const found: Lateness[] = [];
  for (let run = 0; run < runs; run++) {
    const lateness = await killAndReturn(pageLab, watched.page);
    found.push(lateness);
    const told = Object.entries(lateness).map(([name, ms]) => `${name} ${round(ms)} ms`);
    say(`page ${run + 1}/${runs}: ${told.join(", ")}`);
  }
  const complaints = [...watched.complaints, ...(await screenshots(pageLab.browser, pageUrl, folder, "run"))];
  return { found, complaints };
}

/** What the watch takes with a page open beyond what it takes without, in turns: a busy machine moves both alike. */
async function measureCost(seconds: number, folder: string, say: (text: string) => void) {
  await using stage = await WatchStage.create(cpuTerms.targets);
  await stage.listening();
  const browser = await launchBrowser(stage.namespace);
  try {
    const alone: number[] = [];
    const shown: number[] = [];
    const complaints: string[] = [];
    // What is compiled and allocated at first is no part of it.
    await sleep(settleMs);
    for (let turn = 0; turn < 2; turn++) {
      alone.push(await stage.cpuPercent(seconds / 2));
      const watched = await openPage(browser, stage.url);
      await watched.page.locator("#verdict").waitFor();
      shown.push(await stage.cpuPercent(seconds / 2));
      complaints.push(...watched.complaints);
      await watched.page.close();
      say(`watch: ${round(alone.at(-1)!)} % of a core, ${round(shown.at(-1)!)} % with a page open`);
    }
    complaints.push(...(await screenshots(browser, stage.url, folder, "watch")));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const figures = {
      watch_cpu_percent: round(mean(alone)),
      watch_and_page_cpu_percent: round(mean(shown)),
      page_cpu_percent: round(mean(shown) - mean(alone)),
    };
    return { figures, complaints };
  } finally {
    await browser.close();
  }
}
