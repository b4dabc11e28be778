// The status page of a daemon in the lab, in a real browser.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killAndReturn, observe, PageLab, pageUrl } from "../lab/page.js";
import { browserMissing, openPage } from "../support/browser.js";
import { skipWithoutLab } from "../support/lab.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(browserMissing()))("the status page of a daemon", () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await PageLab.create();
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  it("shows a kill, the withdrawal and the return within a second of each, and complains of nothing", async () => {
    const { page, complaints } = await openPage(lab.browser, pageUrl);
    await observe(page);
    expect(await page.title()).toMatch(/^announced · anyprobe on /);
    const lateness = await killAndReturn(lab, page);
    for (const [change, ms] of Object.entries(lateness)) expect(ms, change).toBeLessThan(1000);
    // Why, as `anyprobe why` tells it.
    await page.locator("summary").click();
    const led = await page.locator(".prefix .events li").allTextContents();
    expect(led.some((line) => /is withdrawn \(verified\)/.test(line))).toBe(true);
    expect(led.some((line) => /port unreachable/.test(line))).toBe(true);
    expect(await page.locator("#events li[data-kind=route]").count()).toBeGreaterThanOrEqual(2);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("is used with the keyboard alone, on 400 px, and filters what happened", async () => {
    const { page, complaints } = await openPage(lab.browser, pageUrl, { width: 400, dark: true });
    await page.locator("#events li").first().waitFor();
    const reached = new Set<string>();
    for (let presses = 0; presses < 20; presses++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement?.closest("[class],input")?.className ?? ""));
      reached.add(await page.evaluate(() => document.activeElement?.tagName ?? ""));
    }
    for (const stop of ["SUMMARY", "INPUT", "table", "events"]) expect([...reached], stop).toContain(stop);
    const before = await page.locator("#events li").count();
    await page.locator("#grave").focus();
    await page.keyboard.press("Space");
    const grave = await page.locator("#events li").allTextContents();
    expect(grave.length).toBeLessThan(before);
    expect(grave.every((line) => /warn|error/.test(line))).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("says that it is not connected when the daemon has gone", async () => {
    const { page } = await openPage(lab.browser, pageUrl);
    await page.locator('#link[data-state="live"]').waitFor();
    await lab.endpoint.stopDaemon();
    await page.locator('#link[data-state="lost"]').waitFor();
    expect(await page.locator("#link").textContent()).toMatch(/^not connected/);
    await page.close();
  });
});
