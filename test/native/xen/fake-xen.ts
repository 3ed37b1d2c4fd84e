import * as koffi from "koffi";
import type { LibraryPaths } from "../../../native/xen/shared-library.js";
import { XenHypervisor, type XenOptions } from "../../../native/xen/xen-hypervisor.js";
import { compileFake } from "./compiler.js";

/** XEN_DOMINF_hvm_guest. */
const hvmGuest = 2;
const emulatesLapic = 1;
/** XEN_X86_EMU_ALL without vPCI: what libxl gives HVM guests. */
const emulatesPc = 0x3ff;

/** The test's side of fake-libxen.c. */
interface FakeCalls {
  reset(): void;
  add(id: number, flags: number, emulation: number, uuidByte: number, vcpus: number): void;
  remove(id: number): void;
  flags(id: number, flags: number): void;
  pages(id: number, pages: number): void;
  offline(id: number, vcpu: number, offline: boolean): void;
  frameError(frame: number, errno: number): void;
  frameReadonly(frame: number): void;
  restrictErrno(errno: number): void;
  unpauseErrno(errno: number): void;
  scheduler(id: number): void;
  pauseCount(id: number): number;
  pauses(id: number): number;
  unpauses(id: number): number;
  mappedPages(): number;
  restrictedTo(): number;
  interfacesOpen(): number;
  memoriesOpen(): number;
  infolistCalls(): number;
  notifies(): number;
  portState(id: number, port: number): number;
  freePort(id: number, port: number): void;
  msiData(): number;
  msiAddress(): number;
  poke(frame: number, offset: number, value: number): void;
  peek(frame: number, offset: number): number;
  context(id: number, vcpu: number, offset: number, low: number, high: number): void;
}

const definitions: Readonly<Record<keyof FakeCalls, string>> = {
  reset: "void fake_reset(void)",
  add: "void fake_add(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)",
  remove: "void fake_remove(uint32_t)",
  flags: "void fake_flags(uint32_t, uint32_t)",
  pages: "void fake_pages(uint32_t, uint32_t)",
  offline: "void fake_offline(uint32_t, uint32_t, bool)",
  frameError: "void fake_frame_error(uint32_t, int)",
  frameReadonly: "void fake_frame_readonly(uint32_t)",
  restrictErrno: "void fake_restrict_errno(int)",
  unpauseErrno: "void fake_unpause_errno(int)",
  scheduler: "void fake_scheduler(int)",
  pauseCount: "int fake_pause_count(uint32_t)",
  pauses: "int fake_pauses(uint32_t)",
  unpauses: "int fake_unpauses(uint32_t)",
  mappedPages: "int fake_mapped_pages(void)",
  restrictedTo: "int fake_restricted_to(void)",
  interfacesOpen: "int fake_interfaces_open(void)",
  memoriesOpen: "int fake_memories_open(void)",
  infolistCalls: "int fake_infolist_calls(void)",
  notifies: "int fake_notifies(void)",
  portState: "int fake_port_state(uint32_t, uint32_t)",
  freePort: "void fake_free_port(uint32_t, uint32_t)",
  msiData: "uint32_t fake_msi_data(void)",
  msiAddress: "double fake_msi_address(void)",
  poke: "void fake_poke(uint32_t, uint32_t, uint32_t)",
  peek: "uint32_t fake_peek(uint32_t, uint32_t)",
  context: "void fake_context(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t)",
};

function bindAll(path: string): FakeCalls {
  const library = koffi.load(path);
  const entries = Object.entries(definitions).map(([name, definition]) => [name, library.func(definition)]);
  return Object.fromEntries(entries) as FakeCalls;
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
