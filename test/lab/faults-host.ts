// Faults of the host: of the device with the addresses, of ifupdown's hooks, and of an operator's own programs.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ended } from "../../src/demo/frr.js";
import type { Network } from "../../src/demo/network.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { running } from "../support/ospfd.js";
import { prepareIfupdown } from "./drivers-kind.js";
import type { FaultKind } from "./faults-kind.js";
import { both, inTheWay, operatorTakes, type Scenario } from "./faults-scenario.js";
import { beside, mortal, type Site } from "./faults-site.js";
import { round } from "./figures.js";

/** Each run of an operator's program is killed after so long. */
const timeout = "1s";

const address: FaultKind = {
  name: "address",
  announce: "network",
  async ready() {
    const ip = (site: Site, verb: string, ...label: string[]) =>
      site.endpoint.namespace.ip("address", verb, mortal, "dev", "lo", ...label);
    return {
      route: () => ({ address: { device: "lo", label: "lo:0", recovery: "anchor" } }),
      trace: async () => "",
      scenarios: [
        deviceDown,
        operatorTakes({
          take: (site) => ip(site, "del"),
          putBack: (site) => ip(site, "add", "label", "lo:0"),
          by: /^pid \d+$/,
        }),
      ],
    };
  },
};

/** No router announces an address of a device that is down, here both prefixes: the driver sets it up again. */
const deviceDown: Scenario = {
  name: "device down",
  routerGoes: true,
  async run(site) {
    const startNs = monotonicNs();
    await site.endpoint.namespace.ip("link", "set", "lo", "down");
    await site.daemon.logged(({ msg }) => msg.endsWith("router lost: lo is down"));
    await site.well();
    return { recovered_ms: round((monotonicNs() - startNs) / nsPerMs) };
  },
};

const ifupdown: FaultKind = {
  name: "ifupdown",
  announce: "network",
  async ready(network, directory) {
    const prefixes = { ipv4: [mortal, beside], ipv6: [] };
    const prepared = await prepareIfupdown({ directory, prefixes });
    const hook = join(directory, "hook");
    const says = (script: string) => writeFile(hook, `#!/bin/sh\n${script}\n`);
    await says("exit 0");
    await chmod(hook, 0o755);
    const interfaces = join(directory, "interfaces");
    const stanzas = await readFile(interfaces, "utf8");
    const hooks = `    pre-up ${hook}\n    pre-down ${hook}\n`;
    await writeFile(interfaces, stanzas.replace(/(?<=iface lo:0 inet static\n)/, hooks));
    const holder = await holdMounts(network, prepared);
    const wrapper = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`];
    const [first, ...more] = wrapper;
    const byHand = ({ endpoint: { namespace } }: Site, program: string) =>
      namespace.exec(first!, ...more, program, "lo:0");
    return {
      // Of both prefixes, each by the alias that it is on.
      route: (prefix) => ({
        ifupdown: { interface: prefix === mortal ? "lo:0" : "lo:1", recovery: "anchor", timeout },
      }),
      wrapper,
      trace: async () => "",
      scenarios: [
        // On the way down ifupdown takes no notice.
        inTheWay({
          name: "hook failing",
          says: { up: /`ifup lo:0` .*the hook refuses/ },
          async plant() {
            await says('echo "the hook refuses" >&2; exit 1');
            return () => says("exit 0");
          },
        }),
        inTheWay({
          name: "hook hanging",
          says: both(/`if(down|up) lo:0` did not end within 1\.?0*s, and was killed/),
          async plant() {
            await says("exec sleep 60");
            return () => says("exit 0");
          },
        }),
        operatorTakes({
          take: (site) => byHand(site, "ifdown"),
          putBack: (site) => byHand(site, "ifup"),
          by: /^pid \d+$|ioctl/,
        }),
      ],
      async close() {
        holder.kill("SIGKILL");
        await ended(holder);
      },
    };
  },
};

/** ifupdown's files of the lab outlive the daemon, in the mount namespace of a process that does nothing else. */
async function holdMounts(network: Network, prepared: readonly string[]): Promise<ChildProcess> {
  const argv = ["--mount", ...prepared, "sh", "-c", "echo ready; exec sleep 3600"];
  const holder = network.endpoints[0]!.namespace.spawn("unshare", argv, { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await Promise.race([once(holder.stdout!, "data"), once(holder, "exit")]);
  if (String(said) !== "ready\n") throw new Error(`ifupdown could not be made ready: ${said}`);
  await network.settled();
  return holder;
}

const exec: FaultKind = {
  name: "exec",
  announce: "network",
  async ready(network, directory) {
    const endpoint = network.endpoints[0]!;
    const vtysh = `vtysh --vty_socket ${endpoint.router.sockets} -d ospfd`;
    const [move, observe] = ["move", "observe"].map((name) => join(directory, name)) as [string, string];
    const script = async (path: string, text: string) => {
      await writeFile(path, `#!/bin/sh -e\n${text}\n`);
      await chmod(path, 0o755);
    };
    const working = [
      'case "$ANYPROBE_TO" in withdrawn) no="no " ;; *) no="" ;; esac',
      `exec ${vtysh} -c "configure terminal" -c "router ospf" -c "\${no}network $ANYPROBE_PREFIX area 0" > /dev/null`,
    ].join("\n");
    const seeing = [
      `case "$(${vtysh} -c "show running-config")" in`,
      '  *"network $ANYPROBE_PREFIX "*) echo announced ;;',
      '  *"router ospf"*) echo withdrawn ;;',
      '  *) echo "no configuration of ospfd" >&2; exit 1 ;;',
      "esac",
    ].join("\n");
    await script(move, working);
    await script(observe, seeing);
    const instead = (path: string, text: string, right: string) => async () => {
      await script(path, text);
      return () => script(path, right);
    };
    return {
      route: () => ({ exec: { command: [move], observe: [observe], timeout } }),
      trace: () => running(endpoint),
      scenarios: [
        inTheWay({
          name: "handler failing",
          says: both(/no such peer/),
          plant: instead(move, 'echo "no such peer" >&2; exit 1', working),
        }),
        inTheWay({
          name: "handler hanging",
          says: both(/move` did not end within 1\.?0*s, and was killed/),
          plant: instead(move, "exec sleep 60", working),
        }),
        inTheWay({
          name: "handler lying",
          says: both(/ended well, and `.*observe` says (announced|withdrawn)/),
          plant: instead(move, "exit 0", working),
        }),
        inTheWay({
          name: "observe failing",
          says: both(/no such table/),
          plant: instead(observe, 'echo "no such table" >&2; exit 1', seeing),
        }),
      ],
    };
  },
};

/** hostKinds are those that need no router of their own. */
export const hostKinds: readonly FaultKind[] = [address, ifupdown, exec];
