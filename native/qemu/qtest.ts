import { isVmmschedError } from "../../core/errors.js";
import { callError } from "./call-error.js";
import { LineSocket } from "./line-socket.js";

/** QEMU's main loop answers; it may be busy with a device for a while. */
const answerMs = 1000;

/** Where messages to local APICs are addressed: the APIC id stands in bits 19..12 (Intel SDM vol. 3A, 11.11.1). */
const msiAddress = 0xfee00000;
const apicIdShift = 12;
const largestApicId = 0xff;

/**
 * QEMU's qtest socket (docs/devel/testing/qtest.rst), of which only a store to guest-physical memory is used: a message to a local
 * APIC, as a device with message-signalled interrupts sends it. It is made for QEMU's own tests, and works beside any accelerator.
 */
export class Qtest implements Disposable {
  #socket: LineSocket;
  readonly #machine: string;

  private constructor(socket: LineSocket, machine: string) {
    this.#socket = socket;
    this.#machine = machine;
  }

  /** Asks for the byte order, which changes nothing. Throws ERR_HYPERVISOR_UNAVAILABLE, ERR_HYPERVISOR_CALL, ERR_DOMAIN_GONE. */
  static open(path: string, machine: string): Qtest {
    const socket = LineSocket.connect(path);
    try {
      const qtest = new Qtest(socket, machine);
      const answer = qtest.#ask("endianness");
      if (answer !== "OK little")
        throw callError("endianness", machine, `qtest said ${JSON.stringify(answer)}`);
      return qtest;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  /** As {@link open}; the reason where it cannot be used. */
  static tryOpen(path: string, machine: string): Qtest | string {
    try {
      return Qtest.open(path, machine);
    } catch (error) {
      if (isVmmschedError(error)) return error.message;
      throw error;
    }
  }

  /** Fixed delivery, edge-triggered, to one physical APIC id; ids above 255 cannot be addressed this way. */
  injectMsi(apicId: number, vector: number): void {
    if (!Number.isInteger(apicId) || apicId < 0 || apicId > largestApicId)
      throw callError("writel", this.#machine, `APIC id ${apicId} is not in 0 to ${largestApicId}`);
    const address = msiAddress + (apicId << apicIdShift);
    const answer = this.#ask(`writel 0x${address.toString(16)} 0x${vector.toString(16)}`);
    if (answer !== "OK") throw callError("writel", this.#machine, `qtest said ${JSON.stringify(answer)}`);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** After a time-out no answer could be told from the next one: the socket is closed, and the next question opens it anew. */
  #ask(command: string): string {
    if (this.#socket.lost !== undefined) this.#socket = LineSocket.connect(this.#socket.path);
    this.#socket.send(command, answerMs);
    const deadline = performance.now() + answerMs;
    for (;;) {
      const line = this.#socket.line(deadline);
      if (line === undefined) {
        this.#socket[Symbol.dispose]();
        throw callError(command, this.#machine, `no answer of qtest within ${answerMs} ms`);
      }
      // Levels of interrupt lines are told between answers.
      if (!line.startsWith("IRQ ")) return line;
    }
  }
}
