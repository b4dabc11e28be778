// The doctor: examines this host and says what is wrong with it for an anycast service. It changes nothing, and needs no daemon.
import { type Finding, inOrder } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { examineAddresses } from "./host-address.js";
import { examineClients } from "./host-client.js";
import { examineFirewall } from "./host-firewall.js";
import { examineClock, examineKernel } from "./host-kernel.js";
import { examineListeners } from "./host-listen.js";
import { examineOwners } from "./host-owner.js";
import { examinePrivileges } from "./host-privilege.js";
import { examineSources } from "./host-source.js";
import { examineRouters } from "./router.js";
import { examineServers } from "./server.js";

/** examinations lists all of them. */
export const examinations: readonly Examination[] = [
  examineAddresses,
  examineOwners,
  examineSources,
  examineClients,
  examineListeners,
  examineFirewall,
  examineKernel,
  examineClock,
  examinePrivileges,
  examineServers,
  examineRouters,
];

/** examine runs every examination at once and gives what they found, the gravest first. */
export async function examine(context: Context): Promise<readonly Finding[]> {
  const found = await Promise.all(examinations.map((examination) => oneOf(examination, context)));
  return inOrder(found.flat());
}

/** An examination that fails says so, and spoils no other. */
async function oneOf({ name, examine }: Examination, context: Context): Promise<readonly Finding[]> {
  try {
    return await examine(context);
  } catch (error) {
    return [
      {
        id: "examination-failed",
        severity: "note",
        subject: name,
        message: `it could not be examined: ${(error as Error).message}`,
        fix: "run doctor as root, where it may read everything; if it does so there too, report it",
      },
    ];
  }
}
