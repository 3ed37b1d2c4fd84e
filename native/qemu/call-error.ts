import { VmmschedError } from "../../core/errors.js";

/** The error of a call to a machine that failed: `call` is a QMP command, a qtest line or a C function. */
export function callError(call: string, machine: string, why: string, advice = ""): VmmschedError {
  const then = advice === "" ? "" : `; ${advice}`;
  return new VmmschedError("ERR_HYPERVISOR_CALL", `${call} failed at ${machine}: ${why}${then}`, {
    call,
    machine,
  });
}

/** The machine's end of the socket is gone: it ended, was killed, or closed the connection. */
export function lostError(machine: string, why: string): VmmschedError {
  return new VmmschedError("ERR_DOMAIN_GONE", `the connection to ${machine} is lost: ${why}`, { machine });
}

/** A machine that cannot be used as it was started. */
export function unavailableError(machine: string, why: string): VmmschedError {
  return new VmmschedError("ERR_HYPERVISOR_UNAVAILABLE", `${machine}: ${why}`, { machine });
}
