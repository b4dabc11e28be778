// The doctor: examines this host and says what is wrong with it for an anycast service. It changes nothing, and needs no daemon.
import { type Finding, inOrder } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { addressExamination } from "./host-address.js";
import { clientExamination } from "./host-client.js";
import { firewallExamination } from "./host-firewall.js";
import { clockExamination, kernelExamination } from "./host-kernel.js";
import { listenExamination } from "./host-listen.js";
import { ownerExamination } from "./host-owner.js";
import { privilegeExamination } from "./host-privilege.js";
import { sourceExamination } from "./host-source.js";

/** examinations lists all of them. */
export const examinations: readonly Examination[] = [
  addressExamination,
  ownerExamination,
  sourceExamination,
  clientExamination,
  listenExamination,
  firewallExamination,
  kernelExamination,
  clockExamination,
  privilegeExamination,
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
