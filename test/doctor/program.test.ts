// Programs that examinations run: whatever they do, they are answered for in time.
import { describe, expect, it } from "vitest";
import { lookAt } from "../../src/doctor/host.js";

const { run } = lookAt({ prefixes: [] });

describe("a program", () => {
  it("gives what it wrote, in no language but C", async () => {
    expect(await run(["sh", "-c", "echo $LC_ALL; echo fault >&2; exit 3"])).toEqual({
      status: 3,
      stdout: "C\n",
      stderr: "fault\n",
    });
  });

  it("that is not there has no status, and says why", async () => {
    expect(await run(["anyprobe-no-such-program"])).toEqual({
      status: undefined,
      stdout: "",
      stderr: expect.stringContaining("ENOENT"),
    });
  });

  it("that hangs, and leaves behind who holds its output, is ended at its time limit", async () => {
    const { status, stdout } = await run(["sh", "-c", "echo begun; sleep 3 & wait"], 200);
    expect({ status, stdout }).toEqual({ status: undefined, stdout: "begun\n" });
  }, 2000);

  it("that writes without end is ended", async () => {
    expect((await run(["yes"])).status).toBeUndefined();
  });
});
