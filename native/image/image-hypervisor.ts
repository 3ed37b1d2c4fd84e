import { basename } from "node:path";
import { VmmschedError } from "../../core/errors.js";
import type { Domain, DomainId, DomainInfo, Hypervisor } from "../../core/hypervisor.js";
import type { GuestVa } from "../../core/memory/address.js";
import type { RamPiece } from "../../core/ram-piece.js";
import { ImageFile } from "./image-file.js";
import type { Image, ImageRam } from "./image.js";
import { openImage } from "./open-image.js";

const onlyId = 1;
const readOnly = "an image of memory is only read";

export interface ImageOptions {
  /** Of raw RAM: bytes below the hole for devices, a multiple of 4096; by default as on QEMU's machine `pc`. */
  readonly splitBytes?: number;
}

/** The driver of one image file: a host with a single domain in it, that stands still and cannot be changed. */
export class ImageHypervisor implements Hypervisor {
  readonly name = "image";
  readonly #file: ImageFile;
  readonly #image: Image;
  readonly #info: DomainInfo;

  /** Throws ERR_IMAGE_UNREADABLE or ERR_IMAGE_INVALID. */
  constructor(path: string, options: ImageOptions = {}) {
    this.#file = new ImageFile(path);
    try {
      this.#image = openImage(this.#file, options.splitBytes);
    } catch (error) {
      this.#file[Symbol.dispose]();
      throw error;
    }
    this.#info = {
      id: onlyId,
      uuid: "00000000-0000-0000-0000-000000000000",
      name: basename(path),
      kind: this.#image.kind,
      vcpuCount: this.#image.vcpus.length,
      memoryBytes: this.#image.memory.bytes,
      cpuTimeNs: 0,
      paused: true,
      ended: false,
    };
  }

  /** What kind of image it is, in words. */
  get format(): string {
    return this.#image.format;
  }

  domains(): readonly DomainInfo[] {
    return [this.#info];
  }

  open(id: DomainId): Domain {
    if (id !== onlyId)
      throw new VmmschedError("ERR_DOMAIN_GONE", `no domain ${id} in an image`, { domain: id });
    return new ImageDomain(this.#info, this.#image);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

class ImageDomain implements Domain {
  readonly readOnly = readOnly;
  readonly memory: ImageRam;
  declare readonly debuggerData?: GuestVa;

  constructor(
    readonly info: DomainInfo,
    private readonly image: Image,
  ) {
    this.memory = image.memory;
    if (image.debuggerData !== undefined) this.debuggerData = image.debuggerData;
  }

  vcpus() {
    return this.image.vcpus;
  }

  ram(): AsyncIterable<RamPiece> {
    return this.image.memory.pieces();
  }

  pause(): never {
    throw new VmmschedError("ERR_READ_ONLY", `${this.info.name} cannot be paused: ${readOnly}`);
  }

  share(): undefined {
    return undefined;
  }

  setShare(): never {
    throw new VmmschedError("ERR_READ_ONLY", `${this.info.name} has no share to set: ${readOnly}`);
  }

  [Symbol.dispose](): void {}
}
