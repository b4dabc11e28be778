// Two network namespaces joined by a veth: the generator's side, and the reflector's, which answers for all of 198.18.0.0/16.
import { beforeExit } from "../src/demo/before-exit.js";
import { Namespace } from "../src/demo/namespace.js";
import { reflectorObject } from "./build.js";

const generatorMac = "02:00:00:00:00:01";
const reflectorMac = "02:00:00:00:00:02";

/** Veth is the generator's side of the pair: what a generator must know that makes its own packets. */
export interface Veth {
  readonly device: string;
  readonly source: string;
  readonly gatewayMac: string;
}

/** VethPair is the two namespaces, with the reflector at work. */
export class VethPair implements Veth {
  readonly device = "generator";
  readonly source = "198.19.0.1";
  readonly gatewayMac = reflectorMac;
  readonly #forget: () => void;

  private constructor(
    readonly generator: Namespace,
    readonly reflector: Namespace,
  ) {
    this.#forget = beforeExit(() => {
      generator.removeNow();
      reflector.removeNow();
    });
  }

  static async create(): Promise<VethPair> {
    const name = `apbench${process.pid}`;
    const pair = new VethPair(await Namespace.create(`${name}g`), await Namespace.create(`${name}r`));
    try {
      await pair.#join();
      return pair;
    } catch (error) {
      await pair.remove();
      throw error;
    }
  }

  async #join(): Promise<void> {
    const { generator, reflector, device } = this;
    // One queue each: a generator that has a thread per queue gets one core, like all others.
    const queues = ["numtxqueues", "1", "numrxqueues", "1"];
    const peer = ["peer", "name", "reflector", "netns", reflector.name, "address", reflectorMac, ...queues];
    await generator.ip("link", "add", "name", device, "address", generatorMac, ...queues, "type", "veth", ...peer);
    await generator.ip("address", "add", `${this.source}/24`, "dev", device);
    // As on a network card, where it is on unless somebody turns it off.
    await generator.exec("ethtool", "-K", device, "gro", "on");
    await generator.ip("link", "set", device, "up");
    await reflector.ip("link", "set", "reflector", "up");
    await generator.ip("neighbour", "add", "198.19.0.2", "lladdr", reflectorMac, "dev", device);
    await generator.ip("route", "add", "198.18.0.0/16", "via", "198.19.0.2");
    await reflector.ip("link", "set", "dev", "reflector", "xdpdrv", "obj", reflectorObject(), "sec", "xdp");
    await this.passUp();
  }

  /** passUp has the generator's device take what the reflector sends: without a program there, a veth drops it. */
  async passUp(): Promise<void> {
    await this.generator.ip("link", "set", "dev", this.device, "xdpdrv", "obj", reflectorObject(), "sec", "xdp/pass");
  }

  /** free leaves the generator's device without a program, for one that brings its own and does not take it away. */
  async free(): Promise<void> {
    await this.generator.ip("link", "set", "dev", this.device, "xdp", "off");
  }

  async remove(): Promise<void> {
    this.#forget();
    await this.generator.remove();
    await this.reflector.remove();
  }
}
