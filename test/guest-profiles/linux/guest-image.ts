import type { VcpuContext } from "../../../core/hypervisor.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import { ImageFolder, qemuCore } from "../../native/image/image-bytes.js";
import type { GuestView } from "../../native/simulated/guest-view.js";

/** Formats of images that a simulated guest's RAM can be written in. */
export type ImageFormat = "raw" | "elf";

/** An image of a simulated guest as it is now, open until disposed. */
export class GuestImage implements Disposable {
  readonly #folder = new ImageFolder();
  readonly hypervisor: ImageHypervisor;

  constructor(ram: Uint8Array, format: ImageFormat, vcpus: readonly VcpuContext[] = []) {
    const bytes = format === "raw" ? ram : qemuCore([{ physicalAddress: 0, bytes: ram }], vcpus);
    this.hypervisor = new ImageHypervisor(this.#folder.write(`guest.${format}`, bytes));
  }

  static of(view: GuestView, format: ImageFormat): GuestImage {
    return new GuestImage(view.guest.ram.bytes, format, view.domain.vcpus());
  }

  get domain() {
    return this.hypervisor.open(1);
  }

  [Symbol.dispose](): void {
    this.hypervisor[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}
