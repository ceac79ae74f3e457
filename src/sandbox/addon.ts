/** The optional native addon (native/): there where a compiler was at installation. Everything works without it. */
import { createRequire } from 'node:module';

/** Each takes a Uint8Array over a guest's whole memory; see native/wiper.cc. */
export interface NativeAddon {
  /** Once for each memory. False: this kernel or this memory is not one that can be wiped so. */
  prepare(memory: Uint8Array): boolean;
  /** Makes it zeros; how many OS pages are resident, or -1 if that could not be done. */
  wipe(memory: Uint8Array): number;
  /** Makes it zeros by giving its OS pages back; false if that could not be done. */
  release(memory: Uint8Array): boolean;
}

let loaded: NativeAddon | null | undefined;

/** Undefined if it was not built, or does not load here. */
export function nativeAddon(): NativeAddon | undefined {
  loaded ??= load();
  return loaded ?? undefined;
}

function load(): NativeAddon | null {
  try {
    // From src and from dist it is as far.
    const path = '../../native/build/luge.node';
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch {
    return null;
  }
}
