import { expect, test } from "vitest";
import { openLog } from "../../src/run/log.js";
import { Pulse, ServiceManager } from "../../src/run/systemd.js";

const log = openLog("silent");

test.each([
  [{ WATCHDOG_USEC: "30000000" }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }, undefined],
  [{ WATCHDOG_USEC: "soon" }, undefined],
  [{}, undefined],
])("a manager that says %j gets a sign of life every %s ms", (environment, ms) => {
  expect(new ServiceManager(log, environment).watchdogMs).toBe(ms);
});

test("a pulse beats while rows come, and stops when they have not come for too long", () => {
  const pulse = new Pulse(100);
  expect(pulse.beats(0, 0)).toBe(true);
  expect(pulse.beats(0, 99)).toBe(true);
  expect(pulse.beats(0, 100)).toBe(false);
  expect(pulse.beats(1, 150)).toBe(true);
  expect(pulse.beats(1, 249)).toBe(true);
  expect(pulse.beats(1, 250)).toBe(false);
});

test("a pulse goes on with the rows of another engine", () => {
  const pulse = new Pulse(100);
  pulse.beats(5000, 0);
  expect(pulse.beats(3, 200)).toBe(true);
});
