// The status page of a watch, in a real browser.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PageTargets } from "../../src/watch/page.js";
import { siteTargets, WatchStage } from "../lab/page-watch.js";
import { browserMissing, launchBrowser, openPage } from "../support/browser.js";
import { skipWithoutLab } from "../support/lab.js";

const targets = 60;

describe.skipIf(skipWithoutLab() || skipWithoutLab(browserMissing()))("the status page of a watch", () => {
  let stage: WatchStage;
  let browser: Browser;
  beforeAll(async () => {
    stage = await WatchStage.create(targets, "200ms");
    await stage.listening();
    browser = await launchBrowser(stage.namespace);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.[Symbol.asyncDispose]();
  });

  it("shows the worst first, the sites, and the death of a target within a second of its event", async () => {
    const { page, complaints } = await openPage(browser, stage.url);
    await page.locator("#verdict", { hasText: "1 down" }).waitFor();
    await page.locator(".tiles li", { hasText: "59" }).first().waitFor();
    const first = page.locator("#targets tbody tr").first();
    expect(await first.getAttribute("data-target")).toBe("198.18.128.9:5399");
    expect(await first.locator(".spark rect").count()).toBeGreaterThan(0);
    const sites = page.locator("#sites li");
    expect((await sites.allTextContents()).map((text) => text.split(" ")[0])).toEqual(["fra12", "ams11"]);
    // That all came up at first is no news.
    expect(await page.locator('#events li[data-kind="up"]').count()).toBe(0);
    const [address] = Object.entries(siteTargets).find(([, site]) => site === "ams1")!;
    await page.evaluate(() => {
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
          for (const row of addedNodes) (row as HTMLElement).dataset["shown"] = String(Date.now());
      }).observe(document.querySelector("#events")!, { childList: true });
    });
    stage.answerers[1]!.kill("SIGKILL");
    const death = page.locator('#events li[data-kind="down"]', { hasText: address });
    await death.waitFor();
    const shownMs = Number(await death.getAttribute("data-shown"));
    const tookMs = shownMs - Date.parse((await death.locator("time").getAttribute("datetime"))!);
    expect(tookMs).toBeGreaterThanOrEqual(0);
    expect(tookMs).toBeLessThan(1000);
    await page.locator("#verdict", { hasText: "2 down" }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("pages through all targets, finds some by their text, and shows those of one site", async () => {
    const { page, complaints } = await openPage(browser, stage.url, { width: 400 });
    const rows = page.locator("#targets tbody tr");
    const shown = () => rows.evaluateAll((found) => found.map((row) => row.getAttribute("data-target")));
    await page.locator("#targets tbody tr").nth(19).waitFor();
    await page.locator("#targets select").selectOption("all");
    await page.locator("#targets", { hasText: "1–20 of 60" }).waitFor();
    const seen = new Set(await shown());
    for (const part of ["21–40 of 60", "41–60 of 60"]) {
      await page.getByRole("button", { name: "Next" }).press("Enter");
      await page.locator("#targets", { hasText: part }).waitFor();
      for (const target of await shown()) seen.add(target);
    }
    expect(seen.size).toBe(targets);
    expect(await page.getByRole("button", { name: "Next" }).isDisabled()).toBe(true);
    await page.locator("#targets input").fill("198.18.129.7:");
    await page.locator("#targets", { hasText: "1–1 of 1" }).waitFor();
    expect(await shown()).toEqual(["198.18.129.7:5300"]);
    await page.locator("#targets input").fill("");
    await page.locator("#sites button", { hasText: "fra1" }).press("Enter");
    await page.locator("#targets", { hasText: "1–2 of 2 at fra1" }).waitFor();
    expect(await shown()).toEqual(["198.18.128.2:53", "198.18.128.3:53"]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("tells targets on request, and refuses what it cannot read", async () => {
    const { page } = await openPage(browser, stage.url);
    const ask = (query: string) =>
      page.evaluate(async (path) => {
        const answer = await fetch(path);
        return { status: answer.status, text: await answer.text() };
      }, `targets?${query}`);
    const told = JSON.parse((await ask("from=58&count=10")).text) as PageTargets;
    expect(told).toMatchObject({ found: targets, from: 58 });
    expect(told.targets.map(({ index }) => index)).toEqual([58, 59]);
    expect(JSON.parse((await ask("from=0&count=10&state=up&site=nowhere")).text)).toMatchObject({ found: 0 });
    for (const query of ["", "from=0", "from=-1&count=1", "from=0&count=501", "from=1e3&count=1", "from=x&count=1"])
      expect((await ask(query)).status, query).toBe(400);
    await page.close();
  });
});
