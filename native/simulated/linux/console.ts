/** The guest's console: printk lines with their time stamps, and a count of what the kernel complained about. */
export class GuestConsole {
  readonly lines: string[] = [];
  /** Warnings, corruption reports and oopses. */
  readonly complaints: string[] = [];

  constructor(private readonly nowNs: () => number) {}

  print(message: string): void {
    const seconds = (this.nowNs() / 1e9).toFixed(6).padStart(12);
    this.lines.push(`[${seconds}] ${message}`);
  }

  complain(message: string): void {
    this.complaints.push(message);
    this.print(message);
  }
}
