/** The task of piscina.ts. */
export default function echo(value: number): number {
  return value;
}
