import { ImageHypervisor } from "../../../native/image/index.js";
import { ImageFolder, qemuCore, xenCore, xenSections } from "../../native/image/image-bytes.js";
import type { GuestView } from "../../native/simulated/guest-view.js";

/** Formats of images that a simulated guest's RAM can be written in. */
export type ImageFormat = "raw" | "elf" | "xen";

/** An image of a simulated guest as it is now, open until disposed. */
export class GuestImage implements Disposable {
  readonly #folder = new ImageFolder();
  readonly hypervisor: ImageHypervisor;

  constructor(bytes: Uint8Array) {
    this.hypervisor = new ImageHypervisor(this.#folder.write("guest.image", bytes));
  }

  static of(view: GuestView, format: ImageFormat): GuestImage {
    const { ram } = view.guest;
    if (format === "raw") return new GuestImage(ram.bytes);
    const vcpus = view.domain.vcpus();
    if (format === "elf") return new GuestImage(qemuCore([{ physicalAddress: 0, bytes: ram.bytes }], vcpus));
    const pv = view.domain.info.kind === "pv";
    return new GuestImage(xenCore(xenSections({ pv, frames: [...ram.frames], pages: ram.bytes, vcpus })));
  }

  get domain() {
    return this.hypervisor.open(1);
  }

  [Symbol.dispose](): void {
    this.hypervisor[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}
