// `anyprobe init` as a process on hosts with real servers and routers: what it writes is a config that works there.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Namespace } from "../../src/demo/namespace.js";
import { Network } from "../../src/demo/network.js";
import { askBird } from "../../src/route/bird-control.js";
import { readConfigText } from "../../src/run/config-file.js";
import { healthName, type NameServer, startNamed, startUnbound } from "../lab/servers.js";
import { Bird, birdMissing } from "../support/bird.js";
import { anycast, Host } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";

const program = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), "anyprobe-init-"));
const file = join(directory, "etc", "anyprobe.yaml");
afterAll(() => rmSync(directory, { recursive: true }));
const servers: NameServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

function run(namespace: Namespace, ...argv: string[]) {
  const child = namespace.spawn(process.execPath, [program, "init", ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const texts = [child.stdout!, child.stderr!].map((stream) => stream.setEncoding("utf8").toArray());
  return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once("close", async (status) => {
      const [stdout, stderr] = (await Promise.all(texts)).map((parts) => parts.join(""));
      resolve({ status, stdout: stdout!, stderr: stderr! });
    });
  });
}

const servicesOf = (text: string) => readConfigText(text, "init").config.services;
const serviceOf = (text: string) => servicesOf(text)[0]!;

describe.skipIf(skipWithoutLab())("on a host without a router", () => {
  let host: Host;
  beforeAll(async () => {
    host = await Host.create();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it("checks by a zone of the server's own, and moves the address", async () => {
    servers.push(await startNamed({ namespace: host.namespace, identity: "e1" }));
    const { status, stdout, stderr } = await run(host.namespace, "-o", "-");
    expect([status, stderr]).toEqual([0, ""]);
    const service = serviceOf(stdout);
    expect(service).toMatchObject({
      name: "named",
      prefixes: [anycast],
      checks: [{ query: { type: "SOA" }, expect: { rcode: "NOERROR", minAnswers: 1 } }],
      route: [{ driver: "address", device: "lo", label: "lo:0" }],
      guard: undefined,
    });
    expect(healthName).toContain((service.checks[0]!.query as { name: string }).name);
  });

  it("writes a file with its directory, and over none that is there", async () => {
    servers.push(await startUnbound({ namespace: host.namespace, identity: "e1", addresses: ["203.0.113.53"] }));
    expect(await run(host.namespace, "-o", file, "--query", healthName)).toMatchObject({ status: 0, stderr: "" });
    const text = readFileSync(file, "utf8");
    expect(text).toContain("It was answered just now");
    expect(serviceOf(text).checks[0]!.query).toMatchObject({ name: healthName, type: "A" });
    const again = await run(host.namespace, "-o", file);
    expect(again).toMatchObject({ status: 64, stdout: "" });
    expect(again.stderr).toContain("--force writes over it");
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(await run(host.namespace, "-o", file, "--force")).toMatchObject({ status: 0 });
  });

  it("leaves the question to be filled in where nothing answers", async () => {
    const { stdout } = await run(host.namespace, "-o", "-");
    expect(stdout).toContain("TODO");
    expect(stdout).toContain("no server takes queries there");
    expect(serviceOf(stdout)).toMatchObject({ checks: [{ query: { name: healthName } }], route: [{ driver: "none" }] });
    // What would move it is there to be switched on.
    const switched = stdout.replace("# - address", "- address").replace("      - none\n", "");
    expect(serviceOf(switched).route).toMatchObject([{ driver: "address", label: "lo:0" }]);
    const given = await run(host.namespace, "-o", "-", "--query", "www.example.com/A");
    expect(serviceOf(given.stdout).checks[0]!.query).toMatchObject({ name: "www.example.com" });
    expect(given.stdout).toContain("# TODO: it was not answered here just now.");
  });

  it("takes prefixes that are not here yet, and refuses what is none", async () => {
    const { stdout } = await run(
      host.namespace,
      "-o",
      "-",
      "--anycast",
      "203.0.113.54",
      "--anycast",
      "2001:db8::53/128",
    );
    expect(servicesOf(stdout)).toMatchObject([
      { name: "dns", prefixes: ["203.0.113.54/32"], route: [{ driver: "none" }] },
      { name: "dns-ipv6", prefixes: ["2001:db8::53/128"], route: [{ driver: "none" }] },
    ]);
    const bad = await run(host.namespace, "-o", "-", "--anycast", "203.0.113.0/24");
    expect(bad).toMatchObject({ status: 64, stdout: "" });
    expect(bad.stderr).toContain('got "203.0.113.0/24"');
  });

  it("says what is missing on a host without an anycast address, and writes nothing", async () => {
    await host.deleteAddress();
    const other = join(directory, "none.yaml");
    const { status, stderr } = await run(host.namespace, "-o", other);
    expect([status, existsSync(other)]).toEqual([77, false]);
    expect(stderr).toContain("expected an anycast address on lo");
  });
});

describe.skipIf(skipWithoutLab(birdMissing()))("on a host with BIRD", () => {
  it("says what it lacks, as BIRD takes it", async () => {
    await using host = await Host.create();
    const ospf = (filter: string) =>
      `protocol device { }\nprotocol ospf v2 { ipv4 { ${filter} }; area 0 { interface "up0" { hello 1; }; }; }\n`;
    const head = "router id 198.18.0.2;\n";
    await using bird = await Bird.create(host.namespace, () => `${head}${ospf("")}`);
    await bird.start();
    servers.push(await startUnbound({ namespace: host.namespace, identity: "e1" }));
    const lacking = await run(host.namespace, "-o", "-", "--router", bird.socket);
    expect(serviceOf(lacking.stdout)).toMatchObject({
      route: [{ driver: "address", label: "lo:0" }],
      guard: { others: 1, router: { kind: "bird", socket: bird.socket } },
    });
    const [conf, file] = lacking.stderr.split("\n# /etc/bird.d/");
    const defines = file!.slice(file!.indexOf("\n"));
    const written = conf!.replace('include "/etc/bird.d/anycast-prefixes.conf";', defines);
    writeFileSync(bird.path("bird.conf"), `${head}${written}${ospf("export filter anycast4;")}`);
    await askBird(bird.socket, ["configure"], 2000);
  });
});

describe.skipIf(skipWithoutLab())("on a host with FRR", () => {
  let network: Network;
  beforeAll(async () => {
    network = await Network.create({
      endpoints: 1,
      client: false,
      announce: "network",
      timers: "default",
      prefixes: [anycast, "2001:db8::53/128"],
      ipv6: true,
    });
  }, 90_000);
  afterAll(() => network?.close());

  it("lets the router move the prefix, and says which lines it lacks until it has them", async () => {
    const { namespace, router } = network.endpoints[0]!;
    servers.push(await startUnbound({ namespace, identity: "e1" }));
    const paste = (text: string) =>
      namespace.exec(
        "vtysh",
        "--vty_socket",
        router.sockets,
        ...["configure terminal", ...text.split("\n"), "end"].flatMap((line) => ["-c", line]),
      );
    const init = () => run(namespace, "-o", "-", "--router", router.sockets);
    const route = (text: string) => serviceOf(text).route;
    const tuned = await init();
    for (const service of servicesOf(tuned.stdout)) {
      expect(service.route).toEqual([{ driver: "frr", sockets: router.sockets }]);
      expect(service.guard).toMatchObject({ router: { kind: "frr", sockets: router.sockets } });
    }
    expect(servicesOf(tuned.stdout).map(({ prefixes }) => prefixes)).toEqual([[anycast], ["2001:db8::53/128"]]);
    expect(serviceOf(tuned.stdout).guard).toMatchObject({
      others: 1,
      router: { kind: "frr", sockets: router.sockets },
    });
    expect(tuned.stderr.trim().split("\n").slice(1)).toEqual(["router ospf", " timers throttle lsa all 0"]);

    // To take away what its uplink is in too would take this host off the network.
    await paste(`router ospf\nno network ${anycast} area 0\nnetwork 192.0.0.0/4 area 0`);
    const whole = await init();
    expect(whole.stderr).toMatch(
      /^ ! give 198\.18\.\S+ a statement apart, and only then: no network 192\.0\.0\.0\/4 area 0$/m,
    );
    expect(whole.stderr).not.toMatch(/^ no network/m);

    await paste("router ospf\nno network 192.0.0.0/4 area 0\nnetwork 203.0.113.0/24 area 0");
    const wide = await init();
    expect(route(wide.stdout)).toMatchObject([{ driver: "address" }]);
    expect(wide.stdout).toContain("# 203.0.113.53/32 is announced by `network 203.0.113.0/24 area 0`");
    await paste(wide.stderr.trim());
    const mended = await init();
    expect(mended.stderr).toBe("");
    expect(route(mended.stdout)).toMatchObject([{ driver: "frr" }]);
    expect(mended.stdout).toContain("# min_gap: 0s");
  }, 60_000);
});
