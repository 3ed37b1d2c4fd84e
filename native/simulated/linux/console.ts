/** What printk() is told beside the text. */
export interface PrintkOptions {
  /** 0: the kernel's own; whoever writes to /dev/kmsg has 1 (LOG_USER). */
  readonly facility?: number;
  readonly level?: number;
  /** How far its writer gets with it: not to its end, when its vCPU is stopped. @default "finalized" */
  readonly state?: "reserved" | "committed" | "finalized";
}

/** The guest's console: printk lines with their time stamps, and a count of what the kernel complained about. */
export class GuestConsole {
  readonly lines: string[] = [];
  /** Warnings, corruption reports and oopses. */
  readonly complaints: string[] = [];

  /** `store` puts a message into the kernel's log, where it has one in its memory. */
  constructor(
    private readonly nowNs: () => number,
    private readonly store: (message: string, options: PrintkOptions) => void = () => undefined,
  ) {}

  print(message: string, options: PrintkOptions = {}): void {
    const seconds = (this.nowNs() / 1e9).toFixed(6).padStart(12);
    this.lines.push(`[${seconds}] ${message}`);
    this.store(message, options);
  }

  complain(message: string): void {
    this.complaints.push(message);
    this.print(message, { level: 4 });
  }
}
