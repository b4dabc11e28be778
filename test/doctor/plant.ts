// How faults are planted in a patient, and healed.
import { spawnSync } from "node:child_process";
import type { Finding } from "../../src/doctor/finding.js";
import { anycast, anycastAddress, type HostConfig } from "../support/host.js";
import type { Patient } from "./patient.js";

export type Act = (patient: Patient) => unknown;

/** Fault is one fault, and the one finding that it must lead to. Programs and files go with it; what else it did, `heal` undoes. */
export interface Fault {
  /** The finding's id; several faults may lead to the same. */
  readonly finds: string;
  readonly severity: Finding["severity"];
  readonly subject: string;
  readonly by: string;
  readonly plant: Act;
  readonly heal?: Act;
  readonly config?: HostConfig;
  /** Another examination's finding, which this plant cannot do without. */
  readonly besides?: string;
  /** What its message must have. */
  readonly tells: string | RegExp;
}

export const all =
  (...steps: readonly Act[]): Act =>
  async (patient) => {
    for (const step of steps) await step(patient);
  };
export const ip =
  (line: string): Act =>
  (patient) =>
    patient.host.ip(...line.split(" "));
export const file =
  (path: string, text: string): Act =>
  (patient) =>
    patient.write(path, text);
export const sysctl =
  (setting: string): Act =>
  (patient) =>
    patient.host.namespace.exec("sysctl", "-qw", setting);

export const addAnycast = ip(`address add ${anycast} dev lo label lo:0`);
export const delAnycast = ip(`address del ${anycast} dev lo`);

/** program starts one that writes a line once its socket is there. */
export const program =
  (path: string, ...argv: readonly string[]): Act =>
  (patient) => {
    const child = patient.start(path, argv);
    return new Promise<void>((resolve, reject) => {
      child.stdout!.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`${path} ended with ${code}`)));
    });
  };
/** node starts a script that calls `ready`. */
export const node = (script: string): Act =>
  program(process.execPath, "-e", `const ready = () => console.log("ready"); ${script}`);
export const listenTcp = (port: number): Act =>
  node(`require("net").createServer().listen(${port}, "${anycastAddress}", ready);`);
/** `options` are those of dgram's createSocket, with the address. */
export const listenUdp = (port: number, address: string, ipv6Only = false): Act => {
  const options = { type: address.includes(":") ? "udp6" : "udp4", ipv6Only };
  return node(`require("dgram").createSocket(${JSON.stringify(options)}).bind(${port}, "${address}", ready);`);
};

/** What a config needs for IPv6 prefixes alone. */
export const sixConfig = { address: { label: undefined, recovery: "manual" } };
export const serverSix = listenUdp(53, "2001:db8::53");

export const nft =
  (rules: string): Act =>
  ({ host }) => {
    const argv = ["netns", "exec", host.namespace.name, "nft", "-f", "-"];
    const { status, stderr } = spawnSync("ip", argv, { input: rules, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
export const input = (...rules: readonly string[]): Act =>
  nft(`table inet filter {\n chain input {\n${rules.join("\n")}\n }\n}\n`);
export const hook = (policy: "accept" | "drop") => `type filter hook input priority 0; policy ${policy};`;
export const flush = nft("flush ruleset");
