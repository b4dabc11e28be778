// Deaths as the kernel tells of them, and what several prefixes and services make of one, in a namespace without routers.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { allUp, type DaemonProcess, prefixIn, stands, within } from "../support/daemon.js";
import { anycast, anycastAddress, behave, type Host, hostMissing, uplinkAddress } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { makeHost } from "../support/well-host.js";

const second = "203.0.113.54/32";
const six = "2001:db8::53/128";

const withdrawals = (daemon: DaemonProcess) => daemon.lines.filter(({ action }) => action === "withdraw");
/** Checks so slow that only a hint can explain what is seen at once. */
const slow = { interval: "20s", fast_interval: "100ms", rise: 1 };

describe.skipIf(skipWithoutLab(hostMissing()))("a hint", () => {
  test("tells of a death long before the next probe", async () => {
    const host = await makeHost();
    const server = await host.answer();
    const daemon = host.run(host.config({ check: slow }));
    await daemon.until(allUp);
    server.kill("SIGKILL");
    await daemon.until(stands("withdrawn", anycast), 1000);
  });

  test("of one of several workers at a port moves nothing: the others answer the burst", async () => {
    const host = await makeHost();
    const workers = await Promise.all([worker(host), worker(host)]);
    const daemon = host.run(host.config({ check: { ...slow, expect: { answers: ["198.51.100.80"] } } }));
    await daemon.until(allUp);
    const asked = () => daemon.status().then((status) => prefixIn(status, anycast).checks[0]!.verdicts.pass);
    const before = await asked();
    workers[0]!.kill("SIGKILL");
    const burst = await within(2000, async () => ((await asked()) >= before + 3 ? true : undefined));
    expect(burst).toBe(true);
    expect(prefixIn(await daemon.status(), anycast).checks[0]).toMatchObject({ state: "up", verdicts: { fail: 0 } });
    expect(daemon.routeLines()).toEqual([]);
    workers[1]!.kill("SIGKILL");
    await daemon.until(stands("withdrawn", anycast), 1000);
  });

  test("is not waited for where hints are switched off", async () => {
    const host = await makeHost();
    const server = await host.answer();
    const daemon = host.run(host.config({ check: slow, top: { hints: false } }));
    await daemon.until(allUp);
    server.kill("SIGKILL");
    await sleep(1000);
    expect(stands("announced", anycast)(await daemon.status())).toBe(true);
    expect((await daemon.status()).hints).toEqual({ on: false, reason: "switched off" });
  });

  test("while the burst of another is unanswered is not lost", async () => {
    const host = await makeHost();
    const workers = await Promise.all([worker(host, [anycastAddress], 300), worker(host, [anycastAddress], 300)]);
    const daemon = host.run(host.config({ check: { ...slow, timeout: "5s" } }));
    await daemon.until(allUp);
    workers[0]!.kill("SIGKILL");
    // Long enough for the burst to be out, too short for its answers.
    await sleep(100);
    workers[1]!.kill("SIGKILL");
    await daemon.until(stands("withdrawn", anycast), 1000);
  });

  test("of a closed port starts no more than a burst while a restart may take its time", async () => {
    const host = await makeHost();
    const server = await host.answer();
    const daemon = host.run(host.config({ check: { confirm: { for: "2s" } } }));
    await daemon.until(allUp);
    server.kill("SIGKILL");
    const check = async () => prefixIn(await daemon.status(), anycast).checks[0]!;
    await sleep(1500);
    const { state, verdicts } = await check();
    expect(state).toBe("falling");
    expect(verdicts.fail).toBeLessThan(30);
    await daemon.until(stands("withdrawn", anycast), 1500);
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("an alias", () => {
  test("tells of recovery, and the server has a moment to find that its address is back", async () => {
    const host = await makeHost();
    const server = await host.answer();
    await host.answer({ address: uplinkAddress });
    const daemon = host.run(host.config({ address: { recovery: "alias", alias: [uplinkAddress] } }));
    await daemon.until(allUp);
    server.kill("SIGKILL");
    await daemon.logged(({ action }) => action === "withdraw");
    await daemon.logged(({ action }) => action === "announce");
    await host.answer();
    await sleep(1500);
    expect(allUp(await daemon.status())).toBe(true);
    expect(withdrawals(daemon)).toHaveLength(1);
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("several prefixes", () => {
  test("of one server leave in one change, and come back when it does", async () => {
    const host = await makeHost([anycast, second]);
    const both = [anycastAddress, "203.0.113.54"];
    const server = await worker(host, both);
    const daemon = host.run(host.config());
    await daemon.until(allUp);
    server.kill("SIGKILL");
    await daemon.until((status) => [anycast, second].every((prefix) => stands("withdrawn", prefix)(status)));
    await daemon.logged(({ action }) => action === "withdraw");
    expect(withdrawals(daemon)).toMatchObject([{ prefixes: [anycast, second] }]);
    await worker(host, both);
    await daemon.until((status) => [anycast, second].every((prefix) => stands("announced", prefix)(status)));
  });

  test("of both families are asked and moved alike", async () => {
    const host = await makeHost([anycast, six]);
    await host.ip("address", "add", "fd00::2/64", "dev", "up0", "nodad");
    const servers = [await host.answer(), await host.answer({ address: "2001:db8::53" })];
    // An answerer that is bound to the address goes on behind an anchor in both families.
    const daemon = host.run(host.config({ address: { recovery: "anchor" } }));
    await daemon.until(allUp);
    await behave(servers[1]!, { mode: "servfail" });
    await daemon.until((status) => stands("withdrawn", six)(status) && stands("announced", anycast)(status));
    await behave(servers[1]!, { mode: "normal" });
    await daemon.until(stands("announced", six));
    expect(await host.hasAddress(six)).toBe(true);
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("a shared prefix", () => {
  test("is announced only while both services want it", async () => {
    const host = await makeHost();
    const dns = await host.answer();
    const other = await host.answer({ port: 5353 });
    const { services, ...top } = host.config() as { services: { resolver: { checks: Record<string, unknown>[] } } };
    const [check] = services.resolver.checks;
    const second = { ...services.resolver, checks: [{ ...check, dns: { name: "health.example.com", port: 5353 } }] };
    const daemon = host.run({ ...top, services: { first: services.resolver, second } });
    await daemon.until(allUp);
    other.kill("SIGKILL");
    const away = await daemon.until(stands("withdrawn", anycast));
    expect(away.services.map(({ prefixes }) => prefixes[0]!.want)).toEqual(["announced", "withdrawn"]);
    dns.kill("SIGKILL");
    await daemon.until((status) => status.services.every(({ prefixes }) => prefixes[0]!.want === "withdrawn"));
    await host.answer({ port: 5353 });
    await daemon.until((status) => status.services[1]!.prefixes[0]!.want === "announced");
    expect(await host.hasAddress()).toBe(false);
    await host.answer();
    await daemon.until(stands("announced", anycast));
  });
});

/** A server that shares its port with others of its kind, which Node.js cannot: it answers every question with one address. */
async function worker(host: Host, addresses: readonly string[] = [anycastAddress], delayMs = 0) {
  const program = `import select,socket,sys,time
def listen(address):
  s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
  s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEPORT,1);s.bind((address,53));return s
sockets=[listen(a) for a in sys.argv[1:]];print("bound",flush=True)
while True:
  for s in select.select(sockets,[],[])[0]:
    q,peer=s.recvfrom(999);e=12;time.sleep(${delayMs / 1000})
    while q[e]:e+=q[e]+1
    a=b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4"+bytes([198,51,100,80])
    s.sendto(q[:2]+b"\\x84\\0\\0\\1\\0\\1\\0\\0\\0\\0"+q[12:e+5]+a,peer)`;
  const child = host.spawn("python3", ["-c", program, ...addresses]);
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  return child;
}
