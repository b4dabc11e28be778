// Several engines in several threads of one process: nothing is shared, and a thread may end in the middle of its work.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("every thread has its own probes, watches and engines, and may be terminated while it reads", async () => {
  const fixture = fileURLToPath(new URL("./fixtures/thread.ts", import.meta.url));
  const args = ["--import", import.meta.resolve("tsx"), fixture];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  expect(stderr).toBe("");
  const all = {
    outcome: "answered",
    ended: 5,
    engines: [
      [50, 50],
      [70, 70],
    ],
  };
  expect(JSON.parse(stdout)).toEqual([all, all, all, all, all]);
});
