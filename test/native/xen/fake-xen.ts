import * as koffi from "koffi";
import type { LibraryPaths } from "../../../native/xen/shared-library.js";
import { XenHypervisor, type XenOptions } from "../../../native/xen/xen-hypervisor.js";
import { compileFake } from "./compiler.js";

/** XEN_DOMINF_hvm_guest. */
const hvmGuest = 2;
const emulatesLapic = 1;
/** XEN_X86_EMU_ALL without vPCI: what libxl gives HVM guests. */
const emulatesPc = 0x3ff;

function bindAll(path: string) {
  const library = koffi.load(path);
  const f = <F>(definition: string): F => library.func(definition) as unknown as F;
  return {
    reset: f<() => void>("void fake_reset(void)"),
    add: f<(id: number, flags: number, emulation: number, uuidByte: number, vcpus: number) => void>(
      "void fake_add(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)",
    ),
    remove: f<(id: number) => void>("void fake_remove(uint32_t)"),
    flags: f<(id: number, flags: number) => void>("void fake_flags(uint32_t, uint32_t)"),
    pages: f<(id: number, pages: number) => void>("void fake_pages(uint32_t, uint32_t)"),
    offline: f<(id: number, vcpu: number, offline: boolean) => void>(
      "void fake_offline(uint32_t, uint32_t, bool)",
    ),
    frameError: f<(frame: number, errno: number) => void>("void fake_frame_error(uint32_t, int)"),
    frameReadonly: f<(frame: number) => void>("void fake_frame_readonly(uint32_t)"),
    restrictErrno: f<(errno: number) => void>("void fake_restrict_errno(int)"),
    unpauseErrno: f<(errno: number) => void>("void fake_unpause_errno(int)"),
    scheduler: f<(id: number) => void>("void fake_scheduler(int)"),
    pauseCount: f<(id: number) => number>("int fake_pause_count(uint32_t)"),
    pauses: f<(id: number) => number>("int fake_pauses(uint32_t)"),
    unpauses: f<(id: number) => number>("int fake_unpauses(uint32_t)"),
    mappedPages: f<() => number>("int fake_mapped_pages(void)"),
    restrictedTo: f<() => number>("int fake_restricted_to(void)"),
    interfacesOpen: f<() => number>("int fake_interfaces_open(void)"),
    memoriesOpen: f<() => number>("int fake_memories_open(void)"),
    infolistCalls: f<() => number>("int fake_infolist_calls(void)"),
    notifies: f<() => number>("int fake_notifies(void)"),
    portState: f<(id: number, port: number) => number>("int fake_port_state(uint32_t, uint32_t)"),
    freePort: f<(id: number, port: number) => void>("void fake_free_port(uint32_t, uint32_t)"),
    msiData: f<() => number>("uint32_t fake_msi_data(void)"),
    msiAddress: f<() => number>("double fake_msi_address(void)"),
    poke: f<(frame: number, offset: number, value: number) => void>(
      "void fake_poke(uint32_t, uint32_t, uint32_t)",
    ),
    peek: f<(frame: number, offset: number) => number>("uint32_t fake_peek(uint32_t, uint32_t)"),
    context: f<(id: number, vcpu: number, offset: number, low: number, high: number) => void>(
      "void fake_context(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)",
    ),
  };
}

/** The five libraries, all of them found in one file. */
export function libraryPaths(path: string): LibraryPaths {
  const only = [path];
  return {
    libxenctrl: only,
    libxenforeignmemory: only,
    libxenstore: only,
    libxenevtchn: only,
    libxendevicemodel: only,
  };
}

/** The fake toolstack in this process: one host, emptied by {@link reset}. */
export class FakeXen {
  static #shared: FakeXen | undefined;
  readonly path = compileFake("libfakexen.so");
  readonly calls = bindAll(this.path);

  /** A host with Domain 0 only. */
  static fresh(): FakeXen {
    const fake = (FakeXen.#shared ??= new FakeXen());
    fake.calls.reset();
    fake.calls.add(0, 0, 0, 0, 2);
    return fake;
  }

  addPv(id: number, uuidByte = id, vcpus = 1): void {
    this.calls.add(id, 0, 0, uuidByte, vcpus);
  }

  addPvh(id: number, uuidByte = id, vcpus = 1): void {
    this.calls.add(id, hvmGuest, emulatesLapic, uuidByte, vcpus);
  }

  addHvm(id: number): void {
    this.calls.add(id, hvmGuest, emulatesPc, id, 1);
  }

  open(options: XenOptions = {}): XenHypervisor {
    return new XenHypervisor({ libraryPaths: libraryPaths(this.path), ...options });
  }
}
