export { ImageHypervisor, type ImageOptions } from "./image-hypervisor.js";
export { readSymbolFile } from "./symbol-file.js";
export { readVmlinux, type Vmlinux } from "./vmlinux.js";
