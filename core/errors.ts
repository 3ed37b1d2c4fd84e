/**
 * Every error that vmmsched raises on purpose: a code to search for, what it means and what to do.
 * docs/errors.md documents the same table; a test keeps the two together.
 */
export const errorTable = {
  ERR_FRAME_UNREADABLE: "a frame of the guest could not be read",
  ERR_FRAME_UNWRITABLE: "a frame of the guest could not be written",
  ERR_GUEST_PAGE_NOT_PRESENT: "a guest virtual address is not mapped",
  ERR_GUEST_CORRUPT: "a structure in guest memory breaks its own rules",
  ERR_GUEST_UNSUPPORTED: "the guest runs a kernel that this profile knows but cannot manage",
  ERR_GUEST_NOT_READY: "the guest's kernel is still starting",
  ERR_GUEST_REPLACED: "another kernel runs in the domain",
  ERR_LAYOUT_MEMBER_MISSING: "a kernel structure lacks a member that the profile needs",
  ERR_SNAPSHOT_FULL: "the snapshot has no room for more tasks",
  ERR_DOMAIN_GONE: "the domain no longer exists",
  ERR_DOMAIN_UNKNOWN: "there is no domain of this name or id",
  ERR_DOMAIN_AMBIGUOUS: "several domains have this name or id",
  ERR_PROCESS_UNKNOWN: "there is no process of this id in the domain",
  ERR_HYPERVISOR_CALL: "a call to the hypervisor failed",
  ERR_HYPERVISOR_UNAVAILABLE: "no hypervisor can be reached from here",
  ERR_LIBRARY_MISSING: "a shared library is missing",
  ERR_LIBRARY_UNSUITABLE: "a shared library does not have the interface that was expected",
  ERR_IMAGE_UNREADABLE: "an image of memory could not be read",
  ERR_IMAGE_INVALID: "a file is no image of memory, or is damaged",
  ERR_SYMBOLS_UNREADABLE: "a file of symbols could not be read",
  ERR_SYMBOLS_INVALID: "a file holds no symbols of a kernel, or is damaged",
  ERR_READ_ONLY: "a domain that can only be read was to be changed",
  ERR_GUARDIAN_AWAY: "no guardian watches over pauses, so nothing is paused",
  ERR_TASKS_LEFT_HELD:
    "the scheduler ended although tasks were still held, or something had a priority or share that is not its own",
  ERR_TRANSACTION_STATE: "an edit transaction was used out of order",
  ERR_CONFIG_UNREADABLE: "the configuration file could not be read",
  ERR_CONFIG_INVALID: "the configuration is not valid",
  ERR_UNSAFE_PERMISSIONS: "others may change a file that is trusted",
  ERR_PLUGIN_INVALID: "a plugin is not valid",
  ERR_PLUGIN_API: "a plugin is made for another version of the plugin API",
  ERR_POLICY_FAILED: "a policy failed",
  ERR_POLICY_WISH: "a policy wished something that cannot be wished",
  ERR_RECORD_UNREADABLE: "a record could not be read",
  ERR_RECORD_UNWRITABLE: "a record could not be written",
  ERR_RECORD_INVALID: "a file is no record, or is damaged",
  ERR_RECORD_VERSION: "a record has another format than this vmmsched reads",
  ERR_JOURNAL_INVALID: "the journal of what is held and changed cannot be read",
  ERR_JOURNAL_UNWRITABLE: "the journal of what is held and changed cannot be written",
  ERR_RUNTIME_DIRECTORY: "the runtime directory cannot be used",
  ERR_PROFILE_FAILED: "a guest profile made a mistake",
  ERR_PLUGIN_UNKNOWN: "there is no plugin of this name",
  ERR_POLICY_SET_UNKNOWN: "there is no set of policies of this name",
  ERR_CONTROL_THREAD: "the control thread has ended",
  ERR_UNCAUGHT: "an error came where none was expected",
  ERR_CONTROL_SOCKET: "the control socket could not be opened",
  ERR_SERVICE_MANAGER: "the service manager's socket cannot be used",
  ERR_SCHEDULER_RUNS: "a scheduler runs where none may",
  ERR_CONTROL_UNREACHABLE: "the running scheduler could not be reached",
  ERR_CONTROL_PROTOCOL: "the control socket carried something that was not understood",
  ERR_CONTROL_CALL: "the scheduler failed at what it was asked to do",
  ERR_USAGE: "the command line is not valid",
} as const;

export type ErrorCode = keyof typeof errorTable;

/** Details of an error, printed after its message; addresses as hexadecimal strings. */
export type ErrorDetails = Readonly<Record<string, string | number | undefined>>;

/** The only error class of the project: `code` from {@link errorTable}, `details` for machines, `message` for people. */
export class VmmschedError extends Error {
  override readonly name = "VmmschedError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(`${message} [${code}]`, options);
  }
}

/** Is `error` one of ours, and (when given) of this code? */
export function isVmmschedError(error: unknown, code?: ErrorCode): error is VmmschedError {
  return error instanceof VmmschedError && (code === undefined || error.code === code);
}

/** What any thrown value says, for logs. Never throws: plugins may throw what cannot be made a string. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return "something that cannot be shown";
  }
}
