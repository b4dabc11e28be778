// The well-formed pieces of a config that may be malformed elsewhere, so that one misspelt value does not hide what is
// wrong between the others.
import type { z } from "zod";
import type { Prefix } from "../route/prefix.js";
import type { Require } from "./config.js";
import { hostPrefix } from "./config-scalar.js";
import { checkSchema, type RawCheck, type RawSource, requireSchema, sourceSchema } from "./config-schema.js";
import { objectiveSchema, policySchema, type RawObjective, type RawPolicy } from "./policy-schema.js";
import { type RawRoute, routeSchema } from "./route-schema.js";

type Path = readonly PropertyKey[];

/** Piece is one well-formed item with its path and the text it was read from. */
export interface Piece<T> {
  readonly path: Path;
  readonly value: T;
  readonly written: unknown;
}

/** ServicePieces are the pieces of one service. */
export interface ServicePieces {
  readonly name: string;
  readonly path: Path;
  readonly prefixes: readonly Piece<Prefix>[];
  readonly checks: readonly Piece<RawCheck>[];
  readonly route: readonly Piece<RawRoute>[];
  readonly require: Require | undefined;
  readonly objective: RawObjective | undefined;
  readonly policy: RawPolicy | undefined;
  /** Every item of the lists is well-formed, so what is not among them is really absent. */
  readonly whole: boolean;
}

export interface Pieces {
  readonly source: RawSource | undefined;
  readonly services: readonly ServicePieces[];
}

/** piecesOf takes a config apart; whatever is malformed is left out. */
export function piecesOf(raw: unknown): Pieces {
  const root = mapping(raw);
  return {
    source: sourceSchema.safeParse(root["source"] ?? "auto").data,
    services: Object.entries(mapping(root["services"])).map(([name, service]) => servicePieces(name, mapping(service))),
  };
}

function servicePieces(name: string, service: Readonly<Record<string, unknown>>): ServicePieces {
  const path = ["services", name];
  const prefixes = items(service["prefixes"], hostPrefix, [...path, "prefixes"]);
  const checks = items(service["checks"], checkSchema, [...path, "checks"]);
  const route = items(service["route"], routeSchema, [...path, "route"]);
  return {
    name,
    path,
    prefixes,
    checks,
    route,
    require: requireSchema.safeParse(service["require"] ?? "all").data,
    objective: objectiveSchema.safeParse(service["objective"]).data,
    policy: policySchema.safeParse(service).data,
    whole: [prefixes, checks, route].every((list, index) => {
      const written = service[["prefixes", "checks", "route"][index]!];
      return Array.isArray(written) && written.length > 0 && written.length === list.length;
    }),
  };
}

function items<S extends z.ZodType>(list: unknown, schema: S, path: Path): Piece<z.output<S>>[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((written: unknown, index) => {
    const parsed = schema.safeParse(written);
    return parsed.success ? [{ path: [...path, index], value: parsed.data, written }] : [];
  });
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
