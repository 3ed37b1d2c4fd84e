export { ImageHypervisor, type ImageOptions } from "./image-hypervisor.js";
