/** Tells the bench the port, and the CPU time of the whole process (all threads) whenever it asks. */
export function serveBench(port: number): void {
  process.on('message', () => process.send?.({ cpu: process.cpuUsage() }));
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port });
}
