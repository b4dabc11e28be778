// The errors that anyprobe throws: four classes, for the four people who can fix one. Match on `code`, not on text.

/** codes lists every error code, with what it means; docs/errors.md is held against it by a test. */
export const codes = {
  ERR_CONFIG_READ: "the config file could not be read",
  ERR_CONFIG_SYNTAX: "the config file is not valid YAML",
  ERR_CONFIG_INVALID: "the config is valid YAML but not a valid configuration",
  ERR_CONFIG_SOURCE: "no usable, non-anycast source address was found or given",
  ERR_ENGINE_ADDON: "the native addon is missing or does not fit this Node.js",
  ERR_ENGINE_SYSCALL: "the kernel refused a system call",
  ERR_ENGINE_CLOSED: "the engine was used after it was closed",
  ERR_ROUTE_UNREACHABLE: "the routing daemon or the kernel interface could not be reached",
  ERR_ROUTE_REFUSED: "the routing daemon refused a command",
  ERR_ROUTE_UNSUPPORTED: "the prefix cannot be moved this way on this router",
  ERR_LOAD_REPORT: "a load test's report could not be read, or does not tell what is asked of it",
  ERR_LOAD_QUERIES: "a file of queries, or of targets, has one that is wrong, or none",
  ERR_LOAD_INPUT: "a file of queries, or of targets, could not be read",
  ERR_LOAD_UNANSWERED: "the target of a load test answers nothing",
  ERR_LOAD_MISSING: "a program that reads the file of queries is not installed",
  ERR_RUN_LOCKED: "another anyprobe daemon manages this network namespace",
  ERR_RUN_ORDER: "the anyprobe daemon refused an order",
  ERR_RUN_UNREACHABLE: "no anyprobe daemon answers at the control socket",
} as const;

/** ErrorCode is one of `codes`. */
export type ErrorCode = keyof typeof codes;

/** AnyprobeError is the base of all errors of this package. */
export class AnyprobeError extends Error {
  override readonly name: string = "AnyprobeError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Fault is one thing wrong in a config file. Lines and columns count from 1. */
export interface Fault {
  /** Where in the document, as `services.resolver.checks[0].fall`. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** `expected …, got …` */
  readonly message: string;
}

/** ConfigError tells the operator what to change in the config; `faults` has every fault found, in file order. */
export class ConfigError extends AnyprobeError {
  override readonly name = "ConfigError";
  constructor(
    code: Extract<ErrorCode, `ERR_CONFIG_${string}`>,
    message: string,
    readonly faults: readonly Fault[] = [],
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

/** EngineError says what the kernel refused: the symbolic errno (`EPERM`) and the system call that returned it. */
export class EngineError extends AnyprobeError {
  override readonly name = "EngineError";
  constructor(
    code: Extract<ErrorCode, `ERR_ENGINE_${string}`>,
    message: string,
    readonly errno: string = "",
    readonly syscall: string = "",
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

/** RouteError says which driver failed to do which action on which prefixes. */
export class RouteError extends AnyprobeError {
  override readonly name = "RouteError";
  constructor(
    code: Extract<ErrorCode, `ERR_ROUTE_${string}`>,
    message: string,
    readonly driver: string,
    readonly prefixes: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

/** LoadError says what is wrong with a file of a load test; `file` names it, and `line` (from 1) where in it, as far as it is known. */
export class LoadError extends AnyprobeError {
  override readonly name = "LoadError";
  constructor(
    code: Extract<ErrorCode, `ERR_LOAD_${string}`>,
    message: string,
    readonly file: string,
    readonly line?: number,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}
