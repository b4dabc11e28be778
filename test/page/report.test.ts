// The HTML report in a real browser: what it shows, what it keeps to itself, and that nothing in a record can become code.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportOf } from "../../src/load/answer.js";
import { count, latency, percent } from "../../src/load/figure.js";
import type { LoadRecord, TrialRecord } from "../../src/load/record.js";
import { renderHtml } from "../../src/load/report-html.js";
import { loadRecords } from "../load/records.js";
import { browserMissing, launchBrowser } from "../support/browser.js";
import { skipWithoutLab } from "../support/lab.js";

/** What a page did that it must not do: requests beyond its own file, console messages, errors, violations of its policy. */
interface Watched {
  readonly page: Page;
  readonly complaints: string[];
}

describe.skipIf(skipWithoutLab(browserMissing()))("the HTML report", () => {
  const folder = mkdtempSync(join(tmpdir(), "anyprobe-page-"));
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  async function open(
    records: readonly LoadRecord[],
    look: { readonly width?: number; readonly dark?: boolean } = {},
  ): Promise<Watched> {
    const file = join(folder, "report.html");
    writeFileSync(file, await renderHtml(reportOf(records)!));
    const page = await browser.newPage({
      viewport: { width: look.width ?? 1280, height: 900 },
      colorScheme: look.dark ? "dark" : "light",
    });
    const complaints: string[] = [];
    const url = pathToFileURL(file).href;
    page.on("console", (message) => complaints.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("request", (request) => {
      if (request.url() !== url && request.url() !== "data:,") complaints.push(`request: ${request.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        (globalThis as { violated?: string }).violated = `${event.violatedDirective} ${event.blockedURI}`;
      });
    });
    await page.goto(url);
    return { page, complaints };
  }
  const violated = (page: Page) => page.evaluate(() => (globalThis as { violated?: string }).violated);

  const records = loadRecords();
  const report = reportOf(records)!;

  /** The colours that a plot's lines and marks should have, and how many pixels of its canvas have each. */
  function inkOf(page: Page): Promise<Record<string, Record<string, number>>> {
    return page.evaluate(() => {
      const found: Record<string, Record<string, number>> = {};
      for (const figure of document.querySelectorAll<HTMLElement>("figure[data-plot]")) {
        const canvas = figure.querySelector("canvas")!;
        // Read from a copy: the browser warns of canvases that are drawn and read in turns.
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true })!;
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        const inks: Record<string, number> = {};
        for (const key of figure.querySelectorAll<HTMLElement>(".key")) {
          const [r, g, b] = getComputedStyle(key).color.match(/\d+/g)!.map(Number);
          let pixels = 0;
          for (let at = 0; at < data.length; at += 4) {
            const near = (channel: number, want: number) => Math.abs(data[at + channel]! - want) < 12;
            if (data[at + 3]! > 200 && near(0, r!) && near(1, g!) && near(2, b!)) pixels++;
          }
          inks[key.parentElement!.textContent] = pixels;
        }
        found[figure.dataset["plot"]!] = inks;
      }
      return found;
    });
  }

  it("draws every line of every plot, and neither complains nor asks anybody for anything", async () => {
    const { page, complaints } = await open(records);
    const ink = await inkOf(page);
    expect(Object.keys(ink)).toEqual(["load", "spectrum", "trials", "latency", "loss", "rcodes"]);
    for (const [plot, lines] of Object.entries(ink)) {
      expect(Object.keys(lines).length, plot).toBeGreaterThan(0);
      for (const [line, pixels] of Object.entries(lines)) expect(pixels, `${plot}: ${line}`).toBeGreaterThan(30);
    }
    await page.mouse.move(400, 650);
    expect(complaints).toEqual([]);
    expect(await violated(page)).toBeUndefined();
    await page.close();
  });

  it("has the figures of the records: in the answer, the tiles, the tables, the plots, and the records themselves", async () => {
    const { page } = await open(records);
    const { result, trials } = report;
    expect(JSON.parse(await page.locator("#records").textContent().then(String))).toEqual(records);
    expect(await page.locator("#answer").textContent()).toBe(`${count(result!.capacity_qps!)} queries/s`);
    const chosen = trials.find(({ trial }) => trial === result!.trial)!;
    expect(await page.locator(".tiles b").allTextContents()).toEqual([
      latency(chosen.latency.p50_ns),
      latency(chosen.latency.p99_ns),
      latency(chosen.latency.p999_ns),
      percent(chosen.timeouts / (chosen.answered + chosen.timeouts)),
      `${count(chosen.answered_qps)}/s`,
      latency(chosen.lateness.p99_ns),
    ]);
    for (const trial of trials) {
      const cells = await page.locator(`tr[data-trial="${trial.trial}"] td`).allTextContents();
      expect(cells.slice(0, 8)).toEqual([
        count(trial.offered_qps),
        count(trial.sent_qps),
        trial.seconds.toFixed(1),
        count(trial.sent),
        percent(trial.timeouts / (trial.answered + trial.timeouts)),
        latency(trial.latency.p50_ns),
        latency(trial.latency.p99_ns),
        latency(trial.latency.p999_ns),
      ]);
      expect(cells.at(-1)!.startsWith(trial.misses.length > 0 ? "missed" : "held")).toBe(true);
    }
    await page.close();
  });

  it("tells a plot's values to the keyboard, and hides a line at a press", async () => {
    const { page } = await open(records);
    const load = page.locator('figure[data-plot="load"]');
    await load.locator(".canvas").focus();
    const readout = () => load.locator(".readout").textContent();
    const told = ({ offered_qps, latency: { p50_ns, p99_ns, p999_ns } }: TrialRecord) =>
      `${count(offered_qps)} queries/s: p50 ${latency(p50_ns)}, p99 ${latency(p99_ns)}, p99.9 ${latency(p999_ns)}`;
    const byLoad = [...report.trials].sort((a, b) => a.offered_qps - b.offered_qps);
    await page.keyboard.press("Home");
    await expect.poll(readout).toBe(told(byLoad[0]!));
    await page.keyboard.press("ArrowRight");
    await expect.poll(readout).toBe(told(byLoad[1]!));
    const button = load.locator("button", { hasText: "p99.9" });
    await button.focus();
    await page.keyboard.press("Enter");
    expect(await button.getAttribute("aria-pressed")).toBe("false");
    await expect.poll(async () => (await inkOf(page))["load"]!["p99.9"]).toBe(0);
    await page.close();
  });

  it("is dark for who reads in the dark, and changes with the system", async () => {
    const background = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const { page, complaints } = await open(records, { dark: true });
    expect(await background(page)).toBe("rgb(17, 22, 28)");
    const dark = await inkOf(page);
    for (const lines of Object.values(dark))
      for (const pixels of Object.values(lines)) expect(pixels).toBeGreaterThan(30);
    await page.emulateMedia({ colorScheme: "light" });
    expect(await background(page)).toBe("rgb(246, 247, 249)");
    // Against the light colours now: the plots were drawn again.
    await expect.poll(async () => (await inkOf(page))["load"]!["p50"]).toBeGreaterThan(30);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("prints dark on white, with its tables unfolded, also from a dark screen", async () => {
    const { page } = await open(records, { dark: true });
    await page.evaluate(() => {
      // After the page's own listener, since it was added later.
      window.addEventListener("beforeprint", () => {
        (globalThis as { unfolded?: number }).unfolded = document.querySelectorAll("details[open]").length;
      });
    });
    const pdf = await page.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    expect(await page.evaluate(() => (globalThis as { unfolded?: number }).unfolded)).toBe(4);
    expect(await page.locator("details[open]").count()).toBe(0);
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    expect(await page.locator("details:not([open])").count()).toBe(0);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(255, 255, 255)");
    await expect
      .poll(async () => (await inkOf(page))["spectrum"])
      .toSatisfy((lines: Record<string, number>) => Object.values(lines).every((pixels) => pixels > 30));
    await page.close();
  });

  it("fits a narrow screen", async () => {
    const { page } = await open(records, { width: 360 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await page.close();
  });

  it.each([
    ["a constant rate", loadRecords({ mode: "rate", rates: [1000], seconds: 3 })],
    ["steps", loadRecords({ mode: "steps", rates: [1000, 2000, 3000], seconds: 2 })],
    ["a closed loop without an objective", loadRecords({ mode: "closed", rates: [1000], seconds: 2, objective: "" })],
    ["what the generator limited", loadRecords({ knee: 30_000, ceiling: 20_000, seconds: 2 })],
    ["a report without a result", loadRecords({ knee: 30_000, seconds: 2 }).slice(0, 3)],
    ["a report without a trial", loadRecords({ knee: 30_000 }).slice(0, 1)],
  ])("shows %s without complaint", async (_, shown) => {
    const { page, complaints } = await open(shown);
    const plots = await page.locator("figure[data-plot]").count();
    expect(await page.locator("html").getAttribute("data-drawn")).toBe(String(plots));
    expect(plots > 0).toBe(shown.some(({ type }) => type === "trial"));
    for (const lines of Object.values(await inkOf(page)))
      expect(Object.values(lines).some((pixels) => pixels > 30)).toBe(true);
    expect(complaints).toEqual([]);
    expect(await violated(page)).toBeUndefined();
    await page.close();
  });

  it("takes nothing in a record for markup or code", async () => {
    const attack = `</script><script>owned=1</script><img src=x onerror="owned=1">"'><!--<svg/onload=owned=1>\u2028\u202e`;
    const hostile = loadRecords({ knee: 30_000, seconds: 1, queries: attack, host: attack }).map((record) => {
      if (record.type === "start")
        return {
          ...record,
          run_id: attack,
          objective: [attack],
          settings: { [attack]: attack },
          target: { address: attack, port: 53 },
        };
      if (record.type === "result") return { ...record, status: "interrupted", reason: attack };
      const moments = record.moments.map((moment) => ({ ...moment, rcodes: { [attack]: moment.answered } }));
      return {
        ...record,
        moments,
        rcodes: { [attack]: record.answered },
        notes: [attack],
        ended_early: attack,
        misses: [{ limit: attack, got: 1 }],
      };
    }) as LoadRecord[];
    const { page, complaints } = await open(hostile);
    expect(await page.evaluate(() => (globalThis as { owned?: number }).owned)).toBeUndefined();
    expect(await page.locator("img, svg, main script, iframe, object").count()).toBe(0);
    expect(await page.locator("script").count()).toBe(2);
    expect(JSON.parse(await page.locator("#records").textContent().then(String))).toEqual(hostile);
    expect(await page.locator("header").textContent()).toContain("</script><script>owned=1</script><img src=x");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("has a policy that would stop code and requests if there were any", async () => {
    const { page } = await open(records);
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "owned = 1";
      document.body.append(script);
    });
    expect(await page.evaluate(() => (globalThis as { owned?: number }).owned)).toBeUndefined();
    await expect.poll(() => violated(page)).toMatch(/^script-src/);
    await page.evaluate(() => fetch("http://127.0.0.1:9/").catch(() => undefined));
    await expect.poll(() => violated(page)).toMatch(/^connect-src/);
    await page.close();
  });
});
