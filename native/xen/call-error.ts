import { constants } from "node:os";
import { VmmschedError } from "../../core/errors.js";

const { EACCES, EINVAL, ENOENT, ENOBUFS, ENODATA, EPERM, ESRCH, ENOTTY, EOPNOTSUPP, ENOSYS } =
  constants.errno;

/** Numbers of the errors that have a meaning of their own here. Xen's own numbers (xen/errno.h) are those of Linux. */
export const errno = {
  EACCES,
  EINVAL,
  ENOENT,
  ENOBUFS,
  ENODATA,
  EPERM,
  ESRCH,
  ENOTTY,
  EOPNOTSUPP,
  ENOSYS,
} as const;

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** What an errno of a call to Xen most likely means for the operator. */
const advice: Readonly<Record<number, string>> = {
  [EACCES]:
    "; libxenctrl and the running hypervisor are of different Xen versions, or Xen's security policy forbids it",
  [EPERM]: "; this needs root in Domain 0",
};

/** The error of a failed `call`, a C function's name. ESRCH, no such domain, is ERR_DOMAIN_GONE. */
export function callError(call: string, number: number, domainId?: number): VmmschedError {
  const where = domainId === undefined ? "" : ` for domain ${domainId}`;
  const name = errnoName(number);
  const details = { call, domain: domainId, errno: name };
  if (number === ESRCH && domainId !== undefined) {
    return new VmmschedError("ERR_DOMAIN_GONE", `domain ${domainId} no longer exists (${call})`, details);
  }
  const message = `${call} failed${where}: ${name}${advice[number] ?? ""}`;
  return new VmmschedError("ERR_HYPERVISOR_CALL", message, details);
}

/** Throws {@link callError} unless `number` is 0. */
export function checkCall(call: string, number: number, domainId?: number): void {
  if (number !== 0) throw callError(call, number, domainId);
}
