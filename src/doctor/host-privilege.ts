// Whether the systemd unit gives the daemon what it needs: capabilities, and groups for the routers' sockets.
import { dirname } from "node:path";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Context, Examination, Owner } from "./host.js";
import { readUnit, type Unit } from "./unit.js";

export const examinePrivileges: Examination = {
  name: "privileges of the unit",
  examine: async (context) => {
    const unit = readUnit(context, "anyprobe.service");
    if (!unit || !context.config) return [];
    return [
      ...ifupdown(context, unit),
      ...capabilities(context, unit),
      ...groups(context, unit),
      ...sockets(context, unit),
      ...files(context, unit),
    ];
  },
};

const needs = [
  {
    name: "CAP_NET_ADMIN",
    why: "the daemon changes addresses, marks its probes and hears of closed sockets with it",
    severity: "error",
  },
  {
    name: "CAP_NET_RAW",
    why: "without it a drain cannot count the traffic, and takes its whole time",
    severity: "warning",
  },
] as const;

function capabilities({ services }: Context, unit: Unit): Finding[] {
  const root = unit.user === "root";
  const bounded = unit.words("CapabilityBoundingSet");
  const ambient = unit.words("AmbientCapabilities");
  // `~` takes away, and no setting at all leaves everything.
  const within = (name: string) =>
    bounded[0]?.startsWith("~") ? !bounded.join(" ").includes(name) : bounded.length === 0 || bounded.includes(name);
  const has = (name: string) => within(name) && (root || ambient.includes(name));
  const moves = services.some(({ route }) => route.some(({ driver }) => driver === "address" || driver === "ifupdown"));
  return needs
    .filter(({ name }) => !has(name))
    .map(({ name, why, severity }) => ({
      id: "capability-missing",
      severity: severity === "error" && !moves ? "warning" : severity,
      subject: unit.file,
      message: `expected the unit to give ${name}, found ${root ? "that CapabilityBoundingSet= lacks it" : `user ${unit.user} without it`}: ${why}`,
      fix: `systemctl edit anyprobe: CapabilityBoundingSet=${name}${root ? "" : ` and AmbientCapabilities=${name}`}, below [Service]`,
    }));
}

/** ifup keeps its state in /run/network, which is root's. */
function ifupdown({ services }: Context, unit: Unit): Finding[] {
  const used = services.some(({ route }) => route.some(({ driver }) => driver === "ifupdown"));
  if (!used || unit.user === "root") return [];
  return [
    {
      id: "unit-not-root",
      severity: "error",
      subject: unit.file,
      message: `expected the unit to run as root, as ifup and ifdown must, found user ${unit.user}`,
      fix: "systemctl edit anyprobe: DynamicUser=no and User=root, below [Service]",
    },
  ];
}

/** systemd starts no unit with a group that this host has not. */
function groups({ read }: Context, unit: Unit): Finding[] {
  const known = readGroups(read("/etc/group") ?? "");
  if (known.size === 0) return [];
  return unit
    .words("SupplementaryGroups")
    .filter((name) => !known.has(name) && !/^\d+$/.test(name))
    .map((name) => ({
      id: "unit-group-missing",
      severity: "error",
      subject: unit.file,
      message: `expected the groups of SupplementaryGroups= on this host, found no group ${name}: the unit cannot start`,
      fix: `systemctl edit anyprobe: below [Service] an empty SupplementaryGroups=, and one with the groups that there are; or install what makes ${name}`,
    }));
}

/** Whether the user of the unit may write to the routers' sockets; to one that is not there, nobody can tell. */
function sockets({ services, read, owner }: Context, unit: Unit): Finding[] {
  if (unit.user === "root") return [];
  const known = readGroups(read("/etc/group") ?? "");
  const member = [...unit.words("SupplementaryGroups"), ...unit.words("Group")];
  for (const [name, { members }] of known) if (members.includes(unit.user)) member.push(name);
  const gids = new Set(member.map((name) => known.get(name)?.gid ?? Number(name)));
  const paths = services.flatMap(({ route, guard, prefixes }) => [
    ...route.flatMap((entry) => ("sockets" in entry ? daemonsOf(prefixes, entry.sockets) : [])),
    ...route.flatMap((entry) => ("socket" in entry && typeof entry.socket === "string" ? [entry.socket] : [])),
    ...(guard === undefined
      ? []
      : guard.router.kind === "frr"
        ? daemonsOf(prefixes, guard.router.sockets)
        : [guard.router.socket]),
  ]);
  return [...new Set(paths)].flatMap((path) => {
    const socket = owner(path);
    if (!socket || mayWrite(socket, gids)) return [];
    const group = [...known].find(([, { gid }]) => gid === socket.gid)?.[0] ?? String(socket.gid);
    return [
      {
        id: "socket-forbidden",
        severity: "error",
        subject: path,
        message: `expected user ${unit.user} of ${unit.file} to be let in, found that the socket is for group ${group}, mode ${socket.mode.toString(8)}`,
        fix: `systemctl edit anyprobe: SupplementaryGroups=${group}, below [Service]`,
      } as const,
    ];
  });
}

/** FRR has a daemon, and a socket, for each family. */
function daemonsOf(prefixes: readonly Prefix[], sockets: string): string[] {
  return prefixes.map((prefix) => `${sockets}/${familyOfPrefix(prefix) === 4 ? "ospfd" : "ospf6d"}.vty`);
}

/** A file that BIRD includes is replaced by a new one of the same owner: only its owner may do that, where systemd lets it write. */
function files({ services, read, owner }: Context, unit: Unit): Finding[] {
  if (unit.user === "root") return [];
  const users = readUsers(read("/etc/passwd") ?? "");
  const paths = services.flatMap(({ route, prefixes }) =>
    route.flatMap((entry) => {
      if (entry.driver !== "bird") return [];
      const ways = prefixes.map((prefix) => (familyOfPrefix(prefix) === 4 ? entry.ipv4 : entry.ipv6));
      return ways.flatMap((way) => ("file" in way ? [way.file] : []));
    }),
  );
  return [...new Set(paths)].flatMap((path) => {
    const directory = dirname(path);
    const [file, place] = [owner(path), owner(directory)];
    if (!file || !place) return [];
    const uid = users.get(unit.user);
    const obstacle =
      file.uid !== uid || place.uid !== uid
        ? `it and ${directory} to belong to user ${unit.user} of ${unit.file}, found uid ${file.uid} and ${place.uid}`
        : isSealed(unit, directory)
          ? `${unit.file} to let user ${unit.user} write in ${directory}, found that ProtectSystem= or DynamicUser= does not`
          : undefined;
    if (obstacle === undefined) return [];
    const [user = "bird"] = [...users].find(([, one]) => one === file.uid && one !== 0) ?? [];
    return [
      {
        id: "file-forbidden",
        severity: "error",
        subject: path,
        message: `expected ${obstacle}: no prefix can be withdrawn by it`,
        fix: `chown ${user}: ${directory} ${path}; systemctl edit anyprobe: DynamicUser=no, User=${user} and ReadWritePaths=${directory}, below [Service]`,
      } as const,
    ];
  });
}

/** Whether systemd makes a directory read-only for the unit. */
function isSealed(unit: Unit, directory: string): boolean {
  const says = (setting: string, pattern: RegExp) => pattern.test(unit.words(setting).at(-1) ?? "");
  if (!says("ProtectSystem", /^(full|strict)$/) && !says("DynamicUser", /^(yes|true|on|1)$/i)) return false;
  const open = unit.words("ReadWritePaths").map((path) => path.replace(/^[-+]+/, "").replace(/\/$/, ""));
  return !open.some((path) => directory === path || directory.startsWith(`${path}/`));
}

function readUsers(text: string): Map<string, number> {
  return new Map(text.split("\n").map((line) => [line.split(":")[0]!, Number(line.split(":")[2])]));
}

function mayWrite({ gid, mode }: Owner, gids: ReadonlySet<number>): boolean {
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gids.has(gid));
}

function readGroups(text: string): Map<string, { gid: number; members: readonly string[] }> {
  const lines = text.split("\n").filter((line) => line.includes(":"));
  return new Map(
    lines.map((line) => {
      const [name = "", , gid = "", members = ""] = line.split(":");
      return [name, { gid: Number(gid), members: members.split(",").filter(Boolean) }];
    }),
  );
}
