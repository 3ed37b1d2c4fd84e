/** A guest that lies in Dom0 as /opt/lab/NAME.cfg. */
interface Guest {
  readonly name: string;
  readonly type: "pv" | "pvh";
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  readonly linux: boolean;
}

const guests: readonly Guest[] = [
  { name: "pv1", type: "pv", vcpus: 1, memory: 160, linux: true },
  { name: "pv2", type: "pv", vcpus: 2, memory: 160, linux: true },
  { name: "pvh1", type: "pvh", vcpus: 2, memory: 192, linux: true },
  { name: "pv3", type: "pv", vcpus: 1, memory: 160, linux: true },
  { name: "pvh2", type: "pvh", vcpus: 1, memory: 192, linux: true },
  { name: "odd1", type: "pvh", vcpus: 1, memory: 16, linux: false },
];

/**
 * All domains count the hypervisor's time, so that their clocks can be compared. The watchdog is off since it
 * would find the emulated TSC unstable at random moments, and complain in the kernel log that tests read.
 */
export const sharedClock = "clocksource=xen tsc=nowatchdog";

/** The guests that run in the saved state, in the order of their start. */
export const runningGuests = ["pv1", "pv2", "pvh1"] as const;

function configuration(guest: Guest): string {
  const lines = [
    `name = "${guest.name}"`,
    `type = "${guest.type}"`,
    `memory = ${guest.memory}`,
    `vcpus = ${guest.vcpus}`,
    // Dom0 has physical CPU 0 for itself: guests that burn would starve it.
    'cpus = "1"',
    // A crashed guest stays in the list, where a test can see it and its console.
    'on_crash = "preserve"',
    'on_poweroff = "preserve"',
  ];
  if (guest.linux)
    lines.push(
      'kernel = "/opt/lab/vmlinux"',
      'ramdisk = "/opt/lab/guest.cpio.gz"',
      `extra = "console=hvc0 loglevel=4 ${sharedClock}"`,
    );
  else lines.push('kernel = "/opt/lab/odd.elf"');
  return `${lines.join("\n")}\n`;
}

/** The text of every guest's xl configuration, by name. */
export function guestConfigurations(): Map<string, string> {
  return new Map(guests.map((guest) => [guest.name, configuration(guest)]));
}
