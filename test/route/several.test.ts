// A prefix with two drivers, a program and its address, both real: in order, and each step verified before the next.
import { describe, expect, it } from "vitest";
import { inNamespace } from "../support/namespace.js";

const run = (name: string) => inNamespace(new URL("./fixtures/several.ts", import.meta.url), name);

describe("route: [exec, address]", () => {
  it("goes in order and comes back in reverse, each step when the one before it shows", async () => {
    const { held, gone, withdrawn, early, back, announced } = await run("order");
    expect(held).toBe(true);
    expect(gone).toBe(true);
    expect(withdrawn).toEqual({ log: ["withdrawn with"], has: false, status: "withdrawn" });
    expect(early).toBe(false);
    expect(back).toBe(true);
    expect(announced).toEqual({ log: ["announced with"], has: true, status: "announced" });
  });

  it("takes the address away when the program has hung, and goes on telling it", async () => {
    const { meanwhile, observed, drivers, settled } = await run("hang");
    expect(meanwhile).toBe(true);
    expect(observed).toBe("withdrawn");
    expect(drivers).toEqual(["exec announced", "address withdrawn"]);
    expect(settled).toBe(true);
  });

  it("takes the address away when the program has hung and nobody can tell what it did", async () => {
    const { before, reason } = await run("hang unseen");
    expect(before).toBe("unknown");
    expect(reason).toContain("did not end within 300ms, and was killed");
  });

  it("takes the address away when the program refuses, and says so", async () => {
    expect(await run("refused")).toMatch(/fail` ended with status 1: no$/);
  });

  it("tells the program nothing of an announcement while the address cannot be put there", async () => {
    const { meanwhile, settled, later } = await run("announcing waits");
    expect(meanwhile.log).toEqual([]);
    expect(meanwhile.reason).toContain("found 203.0.113.53/24 on lo");
    expect(settled).toBe(true);
    expect(later).toEqual(["announced with"]);
  });
});
