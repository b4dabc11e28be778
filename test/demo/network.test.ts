import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ip } from "../../src/demo/namespace.js";
import { Network } from "../../src/demo/network.js";
import { skipWithoutLab } from "../support/lab.js";

const options = {
  endpoints: 2,
  announce: "network",
  timers: "tuned",
  prefixes: ["203.0.113.53/32"],
  client: true,
} as const;

describe.skipIf(skipWithoutLab())("the demo network", () => {
  test("R1 routes the prefix to every endpoint, the client reaches it, and nothing is left after close", async () => {
    const network = await Network.create(options);
    const names = [network.r1, ...network.endpoints, network.client!].map((node) => node.namespace.name);
    const pids = [network.r1, ...network.endpoints].flatMap(({ router }) =>
      router.children().map((child) => child.pid!),
    );
    try {
      expect(pids).toHaveLength(6);
      expect((await network.nextHops("203.0.113.53/32")).sort()).toEqual(["198.18.1.2", "198.18.2.2"]);
      // A closed port there says that the way there and back is open.
      const knock = `require("node:net").connect(9, "203.0.113.53").on("error", (error) => console.log(error.code))`;
      expect(await network.client!.namespace.exec(process.execPath, "-e", knock)).toBe("ECONNREFUSED\n");
    } finally {
      await network.close();
      await network.close();
    }
    await gone(names, pids);
  });

  test.each(["network", "redistribute"] as const)(
    "with ipv6, ospf6d announces by %s what the client reaches",
    async (announce) => {
      const prefixes = ["2001:db8::53/128"];
      const network = await Network.create({ ...options, announce, prefixes, ipv6: true });
      try {
        expect((await network.nextHops("2001:db8::53/128")).sort()).toEqual(["2001:db8:100:1::2", "2001:db8:100:2::2"]);
        const knock = `require("node:net").connect(9, "2001:db8::53").on("error", (error) => console.log(error.code))`;
        expect(await network.client!.namespace.exec(process.execPath, "-e", knock)).toBe("ECONNREFUSED\n");
      } finally {
        await network.close();
      }
    },
  );

  test.each(["SIGINT", "SIGTERM"] as const)("%s in the middle leaves no namespace and no process", async (signal) => {
    const script = `
      import { Network } from ${JSON.stringify(import.meta.resolve("../../src/demo/network.ts"))};
      const network = await Network.create(${JSON.stringify(options)});
      const nodes = [network.r1, ...network.endpoints];
      const pids = nodes.flatMap(({ router }) => router.children().map((child) => child.pid));
      const names = nodes.map((node) => node.namespace.name);
      console.log(JSON.stringify({ names, pids, sockets: network.r1.router.sockets }));
      setInterval(() => {}, 1000);`;
    const argv = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(child.stdout!, "data");
    const { names, pids, sockets } = JSON.parse(String(line)) as { names: string[]; pids: number[]; sockets: string };
    child.kill(signal);
    await once(child, "exit");
    await gone(names, pids);
    expect(existsSync(sockets)).toBe(false);
  });
});

async function gone(names: readonly string[], pids: readonly number[]): Promise<void> {
  const namespaces = await ip("netns", "list");
  for (const name of names) expect(namespaces).not.toMatch(new RegExp(`^${name}\\b`, "m"));
  await expect.poll(() => pids.filter(runs)).toEqual([]);
}

/** A process that ended may stay listed as a zombie where nobody has reaped it yet. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
