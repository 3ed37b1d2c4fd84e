export { ImageHypervisor, type ImageOptions } from "./image-hypervisor.js";
export { readVmlinux, type Vmlinux } from "./vmlinux.js";
