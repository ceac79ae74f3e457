/**
 * What one path pattern leads to: a target per method. Routes of the same pattern share an endpoint, so that a 405 can
 * name all the methods of the resource (RFC 9110 section 15.5.6), whichever routes they come from.
 */
import { asciiBytes, equalsBytes } from './byte-class.ts';
import { CONNECT, GET, HEAD, METHODS, methodId, OTHER } from './method.ts';

/** No target takes this method. */
export const NO_TARGET: number = -1;

export class Endpoint {
  /** By method id; `OTHER` holds the target of a route that takes any method. */
  readonly #targets: Int32Array = new Int32Array(OTHER + 1).fill(NO_TARGET);
  readonly #otherNames: Uint8Array[] = [];
  readonly #otherTargets: number[] = [];
  #allow: string = '';
  readonly paramNames: readonly string[];

  constructor(paramNames: readonly string[]) {
    this.paramNames = paramNames;
  }

  /** Value of the `Allow` field. */
  get allow(): string {
    return this.#allow;
  }

  /** Add a route's methods (undefined: any), none of which is there yet. */
  add(methods: readonly string[] | undefined, target: number): void {
    if (methods === undefined) {
      this.#targets.fill(target);
      this.#targets[CONNECT] = NO_TARGET;
      this.#allow = METHODS.filter((method) => method !== 'CONNECT').join(', ');
      return;
    }
    for (const method of methods) {
      const bytes = asciiBytes(method);
      const id = methodId(bytes, 0, bytes.length);
      if (id === OTHER) {
        this.#otherNames.push(bytes);
        this.#otherTargets.push(target);
      } else {
        this.#targets[id] = target;
      }
    }
    this.#allow = this.#listAllowed();
  }

  #listAllowed(): string {
    const names = METHODS.filter(
      (_name, id) =>
        this.#targets[id === HEAD && this.#targets[HEAD] === NO_TARGET ? GET : id] !== NO_TARGET,
    );
    for (const bytes of this.#otherNames) names.push(String.fromCharCode(...bytes));
    return names.join(', ');
  }

  /** Target for a method, or `NO_TARGET`. The bytes are looked at only where the id is `OTHER`. */
  target(method: number, buffer: Uint8Array, methodStart: number, methodEnd: number): number {
    const target = this.#targets[method]!;
    if (target !== NO_TARGET) return target;
    if (method === HEAD) return this.#targets[GET]!;
    if (method !== OTHER) return NO_TARGET;
    for (let i = 0; i < this.#otherNames.length; i++) {
      if (equalsBytes(buffer, methodStart, methodEnd, this.#otherNames[i]!))
        return this.#otherTargets[i]!;
    }
    return NO_TARGET;
  }
}
