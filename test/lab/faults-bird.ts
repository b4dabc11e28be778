// Faults of BIRD, of the way to it, and of the file that it includes.

import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { monotonicNs } from "../../src/units.js";
import type { Bird } from "../support/bird.js";
import { includeConfig, includedFile, protocolConfig, protocolOf, sets, startBird } from "./drivers-bird.js";
import type { FaultKind } from "./faults-kind.js";
import { both, inTheWay, operatorTakes, type Scenario, unordered } from "./faults-scenario.js";
import { beside, mortal } from "./faults-site.js";
import { seenAgainMs } from "./faults-witness.js";
import { SmallDisk } from "./small-disk.js";

const prefixes = { ipv4: [mortal, beside], ipv6: [] };
const { ipv4: set } = sets;

/** The files that BIRD includes are on a disk of their own, which can be full and can be read-only. */
const include: FaultKind = {
  name: "bird include",
  announce: "redistribute",
  async ready(network, directory) {
    const mountpoint = join(directory, "sets");
    await mkdir(mountpoint);
    const disk = await SmallDisk.mount(mountpoint);
    const at = join(`/proc/${disk.pid}/root`, mountpoint);
    const file = join(at, set.file);
    await writeFile(file, includedFile("ipv4", prefixes.ipv4));
    await writeFile(join(at, sets.ipv6.file), includedFile("ipv6", []));
    const bird = await startBird(network, () => ({ "bird.conf": includeConfig(at) }), prefixes);
    const mount = (how: string) =>
      execFileSync("nsenter", [`--mount=/proc/${disk.pid}/ns/mnt`, "mount", "-o", `remount,${how}`, mountpoint]);
    const edit = async (from: string | RegExp, to: string) => {
      await writeFile(file, (await readFile(file, "utf8")).replace(from, to));
      await bird.ask("configure");
    };
    const { constant, dummy } = set;
    return {
      route: () => ({ bird: { socket: bird.socket, ipv4: { file, constant, dummy } } }),
      // However the driver lays it out.
      trace: async () =>
        [(await readFile(file, "utf8")).replaceAll(/[,\s]+/g, "\n"), ...(await readdir(at))].join("\n"),
      scenarios: [
        ...faultsOf(bird),
        inTheWay({
          name: "file read-only",
          says: both(/read-only/i),
          plant() {
            mount("ro");
            return async () => {
              mount("rw");
            };
          },
        }),
        inTheWay({
          name: "disk full",
          says: both(/no space left|ENOSPC/i),
          plant() {
            disk.fill();
            return async () => disk.clear();
          },
        }),
        operatorTakes({
          take: () => edit(new RegExp(`,\\s*${mortal}|${mortal}\\s*,`), ""),
          putBack: () => edit(beside, `${beside}, ${mortal}`),
          by: /^an operator in .*anycast-prefixes\.conf$/,
        }),
      ],
      async close() {
        await bird[Symbol.asyncDispose]();
        await disk.close();
      },
    };
  },
};

const protocol: FaultKind = {
  name: "bird protocol",
  announce: "redistribute",
  async ready(network) {
    const bird = await startBird(network, () => ({ "bird.conf": protocolConfig(prefixes) }), prefixes);
    const feed = protocolOf(mortal);
    return {
      route: (prefix) => ({ bird: { socket: bird.socket, ipv4: { protocol: protocolOf(prefix) } } }),
      trace: async () => (await bird.ask("show protocols")).replaceAll(/\d\d:\d\d:\d\d\.\d+/g, "then"),
      scenarios: [
        ...faultsOf(bird).filter(({ name }) => name !== "configure refused"),
        operatorTakes({
          take: () => bird.ask(`disable ${feed}`),
          putBack: () => bird.ask(`enable ${feed}`),
          by: /^an operator/,
        }),
      ],
      close: () => bird[Symbol.asyncDispose](),
    };
  },
};

function faultsOf(bird: Bird): Scenario[] {
  const configuration = bird.path("bird.conf");
  return [
    inTheWay({
      name: "socket missing",
      says: both(/no socket at .*bird\.ctl: BIRD is not running/),
      async plant() {
        await rename(bird.socket, `${bird.socket}.away`);
        return () => rename(`${bird.socket}.away`, bird.socket);
      },
    }),
    inTheWay({
      name: "configure refused",
      says: both(/BIRD refused `configure.*syntax error/),
      async plant() {
        const text = await readFile(configuration, "utf8");
        await writeFile(configuration, `${text}protocl direct {}\n`);
        return () => writeFile(configuration, text);
      },
    }),
    inTheWay({
      name: "bird hanging",
      says: both(/BIRD does not answer at .*bird\.ctl/),
      routerGoes: true,
      plant() {
        bird.signal("SIGSTOP");
        return async () => bird.signal("SIGCONT");
      },
    }),
    killedWhileWithdrawn(bird),
  ];
}

/** What is in the file stays withdrawn; a protocol that was disabled is enabled again in a BIRD that is started anew. */
function killedWhileWithdrawn(bird: Bird): Scenario {
  return {
    name: "bird killed while withdrawn",
    routerGoes: true,
    async run(site) {
      await site.settled("down", await site.turn("down"));
      await bird.kill();
      await site.said(/BIRD does not answer at .*: the socket is there, the daemon has ended/);
      const startNs = monotonicNs();
      await bird.start();
      await site.until(({ verified }) => verified, beside);
      await site.settled("down", startNs);
      await unordered(site);
      const seen_again_ms = seenAgainMs(site, startNs);
      await site.settled("up", await site.turn("up"));
      return { seen_again_ms };
    },
  };
}

/** birdKinds are both of BIRD's ways. */
export const birdKinds: readonly FaultKind[] = [include, protocol];
