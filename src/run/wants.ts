// What services want of their prefixes, by their checks and objectives, and why, in words.
import { combine, type Want, wantedOf } from "../health/service.js";
import type { Announcement } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";
import type { Config, ServiceConfig } from "./config.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { Quality } from "./quality.js";

/** Standing is how a prefix stands when it is asked about. */
export interface Standing {
  readonly nowNs: number;
  readonly announcement: Announcement | "unknown";
}

/** Wants reads the checks of one config. */
export class Wants {
  readonly #services = new Map<Prefix, readonly ServiceConfig[]>();
  readonly #checks = new Map<Prefix, readonly PrefixCheck[]>();
  readonly #quality: Quality;
  /** Why each check is in the state that it is in. */
  readonly #reasons = new Map<PrefixCheck, string>();

  /** What has to be proven, and has not been: `initial: prove`, at a start alone. */
  readonly #unproven = new Set<string>();

  constructor({ services }: Config, checks: readonly PrefixCheck[], quality: Quality, starts: boolean) {
    this.#quality = quality;
    for (const { name, initial, prefixes } of services) {
      if (starts && initial === "prove") for (const prefix of prefixes) this.#unproven.add(`${name} ${prefix}`);
    }
    for (const service of services) {
      for (const prefix of service.prefixes) this.#services.set(prefix, [...this.servicesOf(prefix), service]);
    }
    for (const check of checks) this.#checks.set(check.prefix, [...this.checksAt(check.prefix), check]);
  }

  get prefixes(): readonly Prefix[] {
    return [...this.#services.keys()];
  }

  servicesOf(prefix: Prefix): readonly ServiceConfig[] {
    return this.#services.get(prefix) ?? [];
  }

  checksAt(prefix: Prefix): readonly PrefixCheck[] {
    return this.#checks.get(prefix) ?? [];
  }

  gatesAt(prefix: Prefix): readonly PrefixCheck[] {
    return this.checksAt(prefix).filter(({ config }) => config.role === "gate");
  }

  /** explain keeps why a check came to its state. */
  explain(check: PrefixCheck, reason: string): void {
    this.#reasons.set(check, reason);
  }

  /** all combines what all services of a prefix want. */
  all(prefix: Prefix, standing: Standing): Want {
    return combine(this.servicesOf(prefix).map((service) => this.of(service, prefix, standing)));
  }

  /** of tells what one service wants for one of its prefixes. */
  of(service: ServiceConfig, prefix: Prefix, { nowNs, announcement }: Standing): Want {
    const checks = this.checksAt(prefix).filter((check) => check.service === service.name);
    const gates = checks.filter(({ config }) => config.role === "gate").map(({ check }) => check);
    const want = wantedOf(gates, service.require, service.whenUnknown);
    const key = `${service.name} ${prefix}`;
    if (want === "hold" && this.#unproven.has(key)) return "withdrawn";
    if (want !== "announced") return want;
    this.#unproven.delete(key);
    if (this.#quality.reportOf(service.name, prefix)?.breached)
      return service.objective?.onBreach === "withdraw" ? "withdrawn" : "degraded";
    const objectives = checks.filter(({ config }) => config.role === "objective").map(({ check }) => check.settled);
    if (objectives.includes("down")) return "degraded";
    // After a restart, or with nobody who knows: that nothing speaks against it is no recovery.
    const unsure = objectives.includes(undefined) || !this.#quality.isSure(service.name, prefix, nowNs);
    return unsure && (announcement === "degraded" || announcement === "unknown") ? "hold" : "announced";
  }

  /** because tells which checks and objectives make it so. */
  because(prefix: Prefix, want: Want): string {
    if (want === "announced") return "its checks are up";
    if (want === "hold") return "its checks have not decided";
    const role = want === "withdrawn" ? "gate" : "objective";
    const bad = this.checksAt(prefix).filter(({ config, check }) => config.role === role && check.settled !== "up");
    const checks = bad.map((check) => {
      const reason = this.#reasons.get(check);
      return `${check.config.name} is ${check.check.state}${reason ? ` (${reason})` : ""}`;
    });
    const breaches = this.servicesOf(prefix).flatMap(({ name }) => {
      const report = this.#quality.reportOf(name, prefix);
      return report?.breached ? report.reasons : [];
    });
    return [...checks, ...breaches].join("; ") || "it has not been proven yet (initial: prove)";
  }
}
