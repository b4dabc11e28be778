import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Namespace } from "../../src/demo/namespace.js";
import { skipWithoutLab } from "../support/lab.js";
import { type ServerOptions, serverMissing, startNamed, startUnbound } from "./servers.js";

// The lab's own servers: a test on them that fails is a broken lab, not a broken anyprobe.
describe.skipIf(skipWithoutLab())("the lab's name servers", () => {
  let namespace: Namespace;
  beforeAll(async () => {
    namespace = await Namespace.create(`ap${process.pid}-servers`);
    await namespace.ip("address", "add", "203.0.113.53/32", "dev", "lo");
  });
  afterAll(() => namespace?.remove());

  const programs = [
    ["unbound", startUnbound],
    ["named", startNamed],
  ] as const;
  describe.each(programs)("%s", (program, start) => {
    const skip = skipWithoutLab(serverMissing(program));

    test.skipIf(skip).each([[undefined], [["203.0.113.53"]]])(
      "starts on %j, is stopped, and leaves its port to the next",
      async (addresses) => {
        const options: ServerOptions = { namespace, identity: "e1", ...(addresses ? { addresses } : {}) };
        const server = await start(options);
        await server.stop();
        await server.stop();
        expect(await namespace.exec("ss", "-Hulpn")).not.toContain(":53 ");
        expect(() => process.kill(server.pid, 0)).toThrow();
      },
    );
  });

  test.skipIf(skipWithoutLab(serverMissing("unbound")))("a server that cannot start tells why", async () => {
    const start = startUnbound({ namespace, identity: "e1", addresses: ["203.0.113.99"] });
    await expect(start).rejects.toThrow(/unbound does not answer in .*203\.0\.113\.99/s);
  });
});
