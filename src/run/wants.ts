// What services want of their prefixes, by their checks and objectives, and why, in words.

import { combine, type Want, wantedOf } from "../health/service.js";
import type { Announcement } from "../route/driver.js";
import { isRung } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";
import type { Config, ServiceConfig } from "./config.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { Quality } from "./quality.js";

/** Standing is how a prefix stands when it is asked about. */
export interface Standing {
  readonly nowNs: number;
  readonly announcement: Announcement | "unknown";
  /** Something was decided on it before. */
  readonly decided: boolean;
}

/** Wants reads the checks of one config. */
export class Wants {
  readonly #services = new Map<Prefix, readonly ServiceConfig[]>();
  readonly #checks = new Map<Prefix, readonly PrefixCheck[]>();
  readonly #quality: Quality;
  /** Why each check is in the state that it is in. */
  readonly #reasons = new Map<PrefixCheck, string>();

  constructor({ services }: Config, checks: readonly PrefixCheck[], quality: Quality) {
    this.#quality = quality;
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
  of(service: ServiceConfig, prefix: Prefix, { nowNs, announcement, decided }: Standing): Want {
    const checks = this.checksAt(prefix).filter((check) => check.service === service.name);
    const gates = checks.filter(({ config }) => config.role === "gate").map(({ check }) => check);
    const want = wantedOf(gates, service.require, service.whenUnknown);
    if (want === "hold" && service.initial === "prove" && !decided) return "withdrawn";
    if (want !== "announced") return want;
    if (this.#quality.reportOf(service.name, prefix)?.breached)
      return service.objective?.onBreach === "withdraw" ? "withdrawn" : "degraded";
    if (checks.some(({ config, check }) => config.role === "objective" && check.settled === "down")) return "degraded";
    // After a restart: that there are too few samples to be breached is no recovery.
    return isRung(announcement) && !this.#quality.isFull(service.name, prefix, nowNs) ? "hold" : "announced";
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
