// anyprobe bench on a host with a running daemon: an address that has clients is not loaded by accident.
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { healthName } from "../../src/demo/answerer.js";
import { allUp, program } from "../support/daemon.js";
import { anycastAddress, type Host, hostMissing, uplinkAddress } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { makeHost } from "../support/well-host.js";

async function benchOn(host: Host, address: string, ...args: string[]) {
  const argv = ["bench", address, "--query", `${healthName}/A`, "--no-calibrate", "-Q", "100", "-l", "0.3"];
  const child = host.namespace.spawn(process.execPath, [program, ...argv, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [err, [code]] = await Promise.all([text(child.stderr!), once(child, "close"), text(child.stdout!)]);
  return { code, err };
}

describe.skipIf(skipWithoutLab(hostMissing()))("anyprobe bench", () => {
  test("refuses what the daemon announces, unless it is forced", async () => {
    const host = await makeHost();
    await host.answer();
    const daemon = host.run();
    await daemon.until(allUp);
    const { code, err } = await benchOn(host, anycastAddress, "--control", host.control);
    expect(code).toBe(64);
    expect(err).toMatch(`${anycastAddress}/32 is announced by the anyprobe daemon of this host`);
    expect(err).toMatch(/drain it first/);
    expect(await benchOn(host, anycastAddress, "--control", host.control, "--force")).toMatchObject({ code: 0 });
  });

  test("refuses what looks like anycast where no daemon is there to ask", async () => {
    const host = await makeHost();
    await host.answer();
    const { code, err } = await benchOn(host, anycastAddress, "--control", host.control);
    expect(code).toBe(64);
    expect(err).toMatch(`${anycastAddress}/32 on lo looks like an anycast address`);
  });

  test("loads the server's other address", async () => {
    const host = await makeHost();
    await host.answer({ address: uplinkAddress });
    expect(await benchOn(host, uplinkAddress, "--control", host.control)).toMatchObject({ code: 0 });
  });
});
